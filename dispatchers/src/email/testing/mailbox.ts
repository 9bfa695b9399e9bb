import { randomBytes, randomUUID } from "node:crypto";
import type { JsonObject } from "@fluxo/core/json";
import { emailParamsSchema } from "@fluxo/nodes/trigger-email/definition";
import { AccessTokens } from "@fluxo/prisma/credentials/access-tokens";
import { createTenantDb, type TenantDb } from "@fluxo/prisma/database/tenant-db";
import { addCredential } from "@fluxo/prisma/testing/credentials";
import { systemClock } from "@fluxo/runtime/clock";
import { createGuardedDialer } from "@fluxo/runtime/dial/guarded-dialer";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { createStaticKeyProvider } from "@fluxo/runtime/secrets/key-provider";
import { TEST_CERTIFICATE } from "@fluxo/test/support/tls-fixture";
import { createVault } from "@fluxo/runtime/secrets/vault";
import type { Dovecot } from "@fluxo/test/support/dovecot";
import { ImapFlow } from "imapflow";
import type pg from "pg";
import type { CredentialKind } from "@fluxo/core/credentials/kinds";
import type { SourcePlace, SourceUnderTest } from "../../testing/source-stage.ts";
import { EmailSource, type EmailSourceOptions } from "../email-source.ts";
import { IMAP_PAGE } from "../look-at-imap.ts";
import { TriggerCredentials } from "../trigger-credentials.ts";
import { mailText, poisonText } from "./mail.ts";

export const vault = createVault(createStaticKeyProvider(randomBytes(32)), () => performance.now());

const tenantDbs = new WeakMap<pg.Pool, TenantDb>();

/** One per pool, which it listens to. */
function tenantDbOver(app: pg.Pool): TenantDb {
  const known = tenantDbs.get(app) ?? createTenantDb(app);
  tenantDbs.set(app, known);
  return known;
}

/** Stores a credential as the API and publishing would: the workflow's version declares it. */
export async function storeCredential({ tenantId, app, owner }: SourcePlace, kind: CredentialKind, fields: JsonObject): Promise<string> {
  const credentialId = await addCredential(tenantDbOver(app), vault, tenantId, kind, fields);
  await owner.query("INSERT INTO workflow_version_credentials (tenant_id, version_id, node_id, param, credential_id) SELECT tenant_id, id, 'start', 'credential', $2 FROM workflow_versions WHERE tenant_id = $1", [tenantId, credentialId]);
  return credentialId;
}

/** The e-mail source as a new process makes it. @param hosts `host:port` that it may call although they are private */
export function openEmailSource({ app }: Pick<SourcePlace, "app">, hosts: readonly string[], options: Pick<EmailSourceOptions, "gmailUrl" | "watchTimes"> = {}): EmailSource {
  const http = createGuardedClient({ allowedPrivateHosts: hosts });
  const dial = createGuardedDialer({ allowedPrivateHosts: hosts });
  const tokens = new AccessTokens({ db: app, vault, http, clock: systemClock, owner: randomUUID() });
  return new EmailSource({ app, credentials: new TriggerCredentials({ db: app, vault, tokens }), dial, http, ...options });
}

export interface MailboxOptions {
  readonly credential?: JsonObject;
  readonly params?: JsonObject;
  readonly source?: JsonObject;
  readonly watchTimes?: NonNullable<EmailSourceOptions["watchTimes"]>;
}

/** A mailbox of its own on a Dovecot, with a trigger's parameters. */
export interface Mailbox extends SourceUnderTest {
  readonly user: string;
  readonly credentialId: string;
  append(mail: string | Buffer, receivedAt?: Date): Promise<void>;
  /** What the owner of the mailbox does with it, in a session of theirs. */
  use<R>(work: (client: ImapFlow) => Promise<R>): Promise<R>;
}

export async function createMailbox(dovecot: Dovecot, place: SourcePlace, { credential = {}, params = {}, source = {}, watchTimes }: MailboxOptions = {}): Promise<Mailbox> {
  const user = `${randomUUID()}@example.com`;
  const fields = { host: dovecot.host, port: dovecot.tlsPort, security: "tls", username: user, password: dovecot.password, ca: TEST_CERTIFICATE, ...credential };
  const credentialId = await storeCredential(place, "imap", fields);
  const hosts = [`${dovecot.host}:${dovecot.port}`, `${dovecot.host}:${dovecot.tlsPort}`, `${fields.host}:${fields.port}`];
  const use: Mailbox["use"] = async (work) => {
    const client = new ImapFlow({ host: dovecot.host, port: dovecot.port, secure: false, doSTARTTLS: false, auth: { user, pass: dovecot.password }, logger: false, disableAutoIdle: true });
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.logout();
    }
  };
  const append: Mailbox["append"] = (mail, receivedAt) => use(async (client) => void (await client.append("INBOX", mail, [], receivedAt)));
  return {
    user,
    credentialId,
    config: JSON.parse(JSON.stringify(emailParamsSchema.parse({ credential: credentialId, source: { provider: "imap", ...source }, ...params }))),
    pageSize: IMAP_PAGE,
    open: () => openEmailSource(place, hosts, watchTimes === undefined ? {} : { watchTimes }),
    append,
    use,
    add: (count) =>
      use(async (client) => {
        for (let number = 0; number < count; number += 1) await client.append("INBOX", mailText({ id: randomUUID() }));
      }),
    addPoison: () => append(poisonText(randomUUID())),
    close: () => Promise.resolve(),
  };
}
