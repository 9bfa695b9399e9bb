import { randomUUID } from "node:crypto";
import type { JsonObject } from "@fluxo/core/json";
import { emailParamsSchema } from "@fluxo/nodes/trigger-email/definition";
import { startGmailServer, type GmailServer } from "../../testing/gmail-server.ts";
import type { SourcePlace, SourceUnderTest } from "../../testing/source-stage.ts";
import { GMAIL_PAGE } from "../look-at-gmail.ts";
import { mailText, poisonText } from "./mail.ts";
import { openEmailSource, storeCredential } from "./mailbox.ts";

/** A Gmail account of its own, with a trigger's parameters. */
export interface GmailAccount extends SourceUnderTest {
  readonly server: GmailServer;
  readonly credentialId: string;
}

export async function createGmailAccount(place: SourcePlace, { source = {}, hosts }: { readonly source?: JsonObject; readonly hosts?: readonly string[] } = {}): Promise<GmailAccount> {
  const server = await startGmailServer();
  const fields = { hosts: [...(hosts ?? [server.host])], grant: "refreshToken", clientAuthentication: "body", ...server.grant };
  const credentialId = await storeCredential(place, "oauth2", fields);
  return {
    server,
    credentialId,
    config: JSON.parse(JSON.stringify(emailParamsSchema.parse({ credential: credentialId, source: { provider: "gmail", ...source } }))),
    pageSize: GMAIL_PAGE,
    open: () => openEmailSource(place, [server.host], { gmailUrl: server.url }),
    add: (count) => {
      for (let number = 0; number < count; number += 1) server.add({ raw: mailText({ id: randomUUID() }) });
      return Promise.resolve();
    },
    addPoison: () => {
      server.add({ raw: poisonText(randomUUID()) });
      return Promise.resolve();
    },
    close: () => server.stop(),
  };
}
