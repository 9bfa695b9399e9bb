import { createTenantDb } from "@fluxo/prisma/database/tenant-db";
import { createPool } from "@fluxo/prisma/database/pool";
import { addCredential } from "@fluxo/prisma/testing/credentials";
import { createStaticKeyProvider } from "@fluxo/runtime/secrets/key-provider";
import { createVault } from "@fluxo/runtime/secrets/vault";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "../../support/tls-fixture.ts";
import { ImapFlow } from "imapflow";
import { startDovecot, type Dovecot } from "../../support/dovecot.ts";
import type { Measured } from "../report.ts";
import { lookAtAll, rateOf } from "./looks.ts";
import { seedTriggers } from "./seed.ts";
import type { DispatchStage } from "./stage.ts";

const MAILBOXES = 500;
const MAILS = 3;
/** As one dispatcher of mailboxes has. */
const LOOKS_AT_ONE_TIME = 20;

/** Mailboxes with a few old mails, all due at once: login over TLS, search for what is new, commit; beside a loop that logs in and searches. */
export async function measureMailboxes(stage: DispatchStage, rounds: number, count: number = MAILBOXES): Promise<Measured[]> {
  const dovecot = await startDovecot({ certificate: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY });
  try {
    const users = Array.from({ length: count }, (_, n) => `user-${n}@example.com`);
    await rateOf(users, LOOKS_AT_ONE_TIME, (user) => fill(dovecot, user));
    await seedTriggers(stage.owner, "email", count);
    await placeMailboxes(stage, dovecot, users);
    const env = { FLUXO_ALLOWED_PRIVATE_HOSTS: `${dovecot.host}:${dovecot.tlsPort}` };
    const look = (isFirst: boolean): Promise<number> => lookAtAll(stage, { kind: "email", count, isFirst, env });
    await look(true);
    const [looked, bare]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      looked.push(await look(false));
      bare.push(await rateOf(users, LOOKS_AT_ONE_TIME, (user) => search(dovecot, user)));
    }
    return [{ name: `looks at ${count} mailboxes on one Dovecot, beside bare imapflow: login, open, search`, unit: "looks/s", values: looked, baselines: bare }];
  } finally {
    await dovecot.remove();
  }
}

/** Gives every trigger a mailbox of its own, with a credential of its tenant that the published version declares. */
async function placeMailboxes({ owner, appUrl, masterKey }: DispatchStage, dovecot: Dovecot, users: readonly string[]): Promise<void> {
  const app = createPool({ connectionString: appUrl, applicationName: "bench", max: 4, role: "fluxo_app" });
  try {
    const tenantDb = createTenantDb(app);
    const vault = createVault(createStaticKeyProvider(Buffer.from(masterKey, "base64")), () => performance.now());
    const { rows } = await owner.query<{ tenant_id: string; id: string }>("SELECT tenant_id, id FROM triggers WHERE kind = 'email' ORDER BY id");
    for (const [n, { tenant_id: tenantId, id }] of rows.entries()) {
      const fields = { host: dovecot.host, port: dovecot.tlsPort, security: "tls", username: users[n] ?? "", password: dovecot.password, ca: TEST_CERTIFICATE };
      const credential = await addCredential(tenantDb, vault, tenantId, "imap", fields);
      await owner.query(
        `INSERT INTO workflow_version_credentials (tenant_id, version_id, node_id, param, credential_id)
         SELECT w.tenant_id, w.published_version_id, t.node_id, 'credential', $2 FROM triggers t JOIN workflows w ON w.tenant_id = t.tenant_id AND w.id = t.workflow_id WHERE t.id = $1`,
        [id, credential],
      );
      await owner.query("UPDATE triggers SET config = $2 WHERE id = $1", [id, JSON.stringify({ credential, source: { provider: "imap" } })]);
    }
    await tenantDb.close();
  } finally {
    await app.end();
  }
}

/** What the owner of a mailbox, or the bare loop, does in a session. */
async function inSession(dovecot: Dovecot, user: string, work: (client: ImapFlow) => Promise<unknown>): Promise<void> {
  const client = new ImapFlow({ host: dovecot.host, port: dovecot.tlsPort, secure: true, tls: { ca: TEST_CERTIFICATE }, auth: { user, pass: dovecot.password }, logger: false, disableAutoIdle: true });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.logout();
  }
}

function fill(dovecot: Dovecot, user: string): Promise<void> {
  return inSession(dovecot, user, async (client) => {
    for (let n = 0; n < MAILS; n += 1) await client.append("INBOX", `From: ann@example.com\r\nTo: ${user}\r\nSubject: Mail ${n}\r\nMessage-ID: <${n}.${user}>\r\n\r\nHello.\r\n`);
  });
}

function search(dovecot: Dovecot, user: string): Promise<void> {
  return inSession(dovecot, user, async (client) => {
    await client.mailboxOpen("INBOX", { readOnly: true });
    await client.search({ uid: `${MAILS + 1}:*` }, { uid: true });
  });
}
