import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import type { DialPort } from "@fluxo/core/ports/dial";
import type { HttpPort } from "@fluxo/core/ports/http";
import { withImap } from "@fluxo/nodes/imap/imap-session";
import { emailParamsSchema, type EmailTriggerParams } from "@fluxo/nodes/trigger-email/definition";
import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import { findStarted } from "@fluxo/prisma/dispatch/started";
import type { ImapFlow } from "imapflow";
import type pg from "pg";
import { intervalMsOf, readParams } from "../polling/read-params.ts";
import type { PollContext, PollResult, WatchableSource, WatchContext, WatchEnd } from "../polling/source.ts";
import { GmailClient } from "./gmail-client.ts";
import { gmailCursorSchema } from "./gmail-cursor.ts";
import { imapCursorSchema } from "./imap-cursor.ts";
import { lookAtGmail, type GmailSource } from "./look-at-gmail.ts";
import { lookAtImap, type FindStarted, type ImapSource } from "./look-at-imap.ts";
import type { TriggerCredential, TriggerCredentials } from "./trigger-credentials.ts";
import { watchImap, type WatchTimes } from "./watch-imap.ts";

export interface EmailSourceOptions {
  /** Connections of fluxo_app. */
  readonly app: pg.Pool;
  readonly credentials: TriggerCredentials;
  readonly dial: DialPort;
  readonly http: HttpPort;
  /** Where Gmail's API is; another place in tests only. */
  readonly gmailUrl?: string;
  /** Of held connections; others in tests only. */
  readonly watchTimes?: Pick<WatchTimes, "quietMs" | "lookMs">;
}

/** Looks of one tenant, and looks with one credential, at one time. Providers count the sessions of an account: Gmail allows 15, others fewer. */
const TENANT_MAX = 4;
const CREDENTIAL_MAX = 2;
/** A held connection goes so long without a look at most, a third of what RFC 2177 gives IDLE; a look may take so long. */
const WATCH_TIMES = { quietMs: 540_000, lookMs: 60_000 } as const;
/** Over a held connection a server may be silent for longer than between two looks; then it is asked. */
const SILENCE_ROOM_MS = 60_000;

/** Mailboxes over IMAP and Gmail accounts over their API. */
export class EmailSource implements WatchableSource {
  readonly kind = "email";
  readonly #options: EmailSourceOptions;

  constructor(options: EmailSourceOptions) {
    this.#options = options;
  }

  intervalMs(config: Json): number {
    return intervalMsOf(emailParamsSchema, config);
  }

  limits({ tenantId, config }: ClaimedTrigger): { key: string; max: number }[] {
    const parsed = emailParamsSchema.safeParse(config);
    const credential = parsed.success ? [{ key: `credential:${parsed.data.credential}`, max: CREDENTIAL_MAX }] : [];
    return [{ key: `email-tenant:${tenantId}`, max: TENANT_MAX }, ...credential];
  }

  async poll(claimed: ClaimedTrigger, context: PollContext): Promise<PollResult> {
    context.signal.throwIfAborted();
    const params = readParams(emailParamsSchema, claimed.config);
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

  isWatched({ config }: ClaimedTrigger): boolean {
    const parsed = emailParamsSchema.safeParse(config);
    return parsed.success && parsed.data.source.provider === "imap" && parsed.data.source.watch === "idle";
  }

  async watch(claimed: ClaimedTrigger, { signal, now, takeHost, tell }: WatchContext): Promise<WatchEnd> {
    const { credentials, dial, watchTimes = WATCH_TIMES } = this.#options;
    const params = readParams(emailParamsSchema, claimed.config);
    const { source } = params;
    if (source.provider !== "imap") return "unable";
    if (signal.aborted) return "stopped";
    const opened = await credentials.open(claimed, params.credential, "imap");
    const { host } = opened.credential.fields;
    if (!takeHost(host)) return "unable";
    let cursor = claimed.cursor === null ? undefined : imapCursorSchema.parse(claimed.cursor);
    const session = new AbortController();
    const login = setTimeout(() => session.abort(new NodeError(`${host} did not answer in time.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" })), watchTimes.lookMs);
    const onStop = (): void => session.abort(signal.reason);
    signal.addEventListener("abort", onStop, { once: true });
    const work = async (client: ImapFlow): Promise<WatchEnd> => {
      clearTimeout(login);
      // From here on a stop ends the wait, and the session with a goodbye.
      signal.removeEventListener("abort", onStop);
      await opened.accepted();
      const look = (): Promise<PollResult> => lookAtImap(client, { params, source, cursor, now: now(), findStarted: this.#startedBy(claimed) });
      const tellAndMove = async (found: PollResult): Promise<boolean> => {
        const isHeld = await tell(found);
        cursor = imapCursorSchema.parse(found.cursor);
        return isHeld;
      };
      return watchImap({ client, look, tell: tellAndMove, signal, abort: (reason) => session.abort(reason), ...watchTimes, floorMs: claimed.pollIntervalMsMin });
    };
    try {
      return await noting(opened, () => withImap(dial, opened.credential.fields, session.signal, work, { silenceMs: watchTimes.quietMs + SILENCE_ROOM_MS }));
    } finally {
      clearTimeout(login);
      signal.removeEventListener("abort", onStop);
    }
  }

  async #pollImap(claimed: ClaimedTrigger, params: EmailTriggerParams, source: ImapSource, { signal, now }: PollContext): Promise<PollResult> {
    const { credentials, dial } = this.#options;
    const cursor = claimed.cursor === null ? undefined : imapCursorSchema.parse(claimed.cursor);
    const opened = await credentials.open(claimed, params.credential, "imap");
    return noting(opened, () =>
      withImap(dial, opened.credential.fields, signal, async (client) => {
        await opened.accepted();
        return lookAtImap(client, { params, source, cursor, now: now(), findStarted: this.#startedBy(claimed) });
      }),
    );
  }

  #startedBy({ tenantId, triggerId }: ClaimedTrigger): FindStarted {
    return (keys) => findStarted(this.#options.app, tenantId, triggerId, keys);
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
