import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import type { DialPort } from "@fluxo/core/ports/dial";
import type { HttpPort } from "@fluxo/core/ports/http";
import { withImap } from "@fluxo/nodes/imap/imap-session";
import { emailParamsSchema, type EmailTriggerParams } from "@fluxo/nodes/trigger-email/definition";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { PollContext, PolledSource, PollResult } from "../polling/source.ts";
import { GmailClient } from "./gmail-client.ts";
import { gmailCursorSchema } from "./gmail-cursor.ts";
import { imapCursorSchema } from "./imap-cursor.ts";
import { lookAtGmail, type GmailSource } from "./look-at-gmail.ts";
import { lookAtImap, type ImapSource } from "./look-at-imap.ts";
import type { TriggerCredential, TriggerCredentials } from "./trigger-credentials.ts";

export interface EmailSourceOptions {
  readonly credentials: TriggerCredentials;
  readonly dial: DialPort;
  readonly http: HttpPort;
  /** Where Gmail's API is; another place in tests only. */
  readonly gmailUrl?: string;
}

/** Looks of one tenant, and looks with one credential, at one time. Providers count the sessions of an account: Gmail allows 15, others fewer. */
const TENANT_MAX = 4;
const CREDENTIAL_MAX = 2;
/** A trigger whose parameters cannot be read is looked at again after this. */
const BROKEN_MS = 3_600_000;

/** Mailboxes over IMAP and Gmail accounts over their API. */
export class EmailSource implements PolledSource {
  readonly kind = "email";
  readonly #options: EmailSourceOptions;

  constructor(options: EmailSourceOptions) {
    this.#options = options;
  }

  intervalMs(config: Json): number {
    const parsed = emailParamsSchema.safeParse(config);
    return parsed.success ? parsed.data.intervalSeconds * 1_000 : BROKEN_MS;
  }

  limits({ tenantId, config }: ClaimedTrigger): { key: string; max: number }[] {
    const parsed = emailParamsSchema.safeParse(config);
    const credential = parsed.success ? [{ key: `credential:${parsed.data.credential}`, max: CREDENTIAL_MAX }] : [];
    return [{ key: `email-tenant:${tenantId}`, max: TENANT_MAX }, ...credential];
  }

  async poll(claimed: ClaimedTrigger, context: PollContext): Promise<PollResult> {
    context.signal.throwIfAborted();
    const params = paramsOf(claimed.config);
    const { source } = params;
    switch (source.provider) {
      case "imap":
        return this.#pollImap(claimed, params, source, context);
      case "gmail":
        return this.#pollGmail(claimed, params, source, context);
      default:
        return source satisfies never;
    }
  }

  async #pollImap(claimed: ClaimedTrigger, params: EmailTriggerParams, source: ImapSource, { signal, now }: PollContext): Promise<PollResult> {
    const { credentials, dial } = this.#options;
    const cursor = claimed.cursor === null ? undefined : imapCursorSchema.parse(claimed.cursor);
    const opened = await credentials.open(claimed, params.credential, "imap");
    return noting(opened, () =>
      withImap(dial, opened.credential.fields, signal, async (client) => {
        await opened.accepted();
        return lookAtImap(client, params, source, cursor, now());
      }),
    );
  }

  async #pollGmail(claimed: ClaimedTrigger, params: EmailTriggerParams, source: GmailSource, { signal, now }: PollContext): Promise<PollResult> {
    const { credentials, http, gmailUrl = "https://gmail.googleapis.com" } = this.#options;
    const cursor = claimed.cursor === null ? undefined : gmailCursorSchema.parse(claimed.cursor);
    const opened = await credentials.open(claimed, params.credential, "oauth2", new URL(gmailUrl).host);
    const { accessToken } = opened.credential;
    const client = new GmailClient({ http, url: gmailUrl, signal, accessToken, renewToken: opened.renewToken, now });
    return noting(opened, () => lookAtGmail(client, params, source, cursor, now()));
  }
}

/** A refused login is written down with the credential: every trigger of it then knows, and there is one alert. */
async function noting<R>(opened: Pick<TriggerCredential<"imap">, "refused">, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof NodeError && error.code === "CREDENTIAL_REJECTED") await opened.refused(error.message);
    throw error;
  }
}

function paramsOf(config: Json): EmailTriggerParams {
  const parsed = emailParamsSchema.safeParse(config);
  if (!parsed.success) throw new NodeError("The trigger's parameters do not fit their schema; publish the workflow again.", { errorClass: "DATA", code: "PARAMS_INVALID" });
  return parsed.data;
}
