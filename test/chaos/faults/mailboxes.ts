import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "../../support/tls-fixture.ts";
import { ImapFlow } from "imapflow";
import type pg from "pg";
import { createClient } from "../../support/client.ts";
import { startDovecot, type Dovecot } from "../../support/dovecot.ts";
import { eventually } from "../../support/eventually.ts";
import { chain, set } from "../../support/graphs.ts";
import type { Fault, FaultContext } from "./fault.ts";

const RESTARTS = 3;
const MAIL_EVERY_MS = 250;
const HASTE_MS = 300;
const WATCHED_WITHIN_MS = 60_000;
const SETTLED_WITHIN_MS = 90_000;

/** A mailbox that a published workflow watches. */
interface WatchedMailbox {
  readonly dovecot: Dovecot;
  readonly user: string;
  readonly triggerId: string;
}

/** Publishes a workflow over the API that starts for each mail; resolves when the dispatchers have taken its baseline. */
async function watchMailbox({ system, provider, db }: FaultContext, dovecot: Dovecot): Promise<WatchedMailbox> {
  const client = createClient({ apiUrl: system.apiUrl, ingressUrl: system.gates.ingress.url, databaseUrl: system.databaseUrl, adminKey: system.adminKey, sinkUrl: provider.url });
  try {
    const user = `${randomUUID()}@example.com`;
    const tenant = await client.createTenant("AGENCY");
    const fields = { host: dovecot.host, port: dovecot.tlsPort, security: "tls", username: user, password: dovecot.password, ca: TEST_CERTIFICATE };
    const { body } = await tenant.api.call("createCredential", { body: { name: "Mailbox", kind: "imap", fields } });
    const trigger = { id: "start", type: "trigger.email", params: { credential: body.id, source: { provider: "imap" } } };
    const { workflowId } = await tenant.publish(chain(trigger, set("end", { subject: "{{ trigger.subject }}" })));
    const triggerId = await eventually(async () => {
      const { rows } = await db.query<{ id: string }>("SELECT t.id FROM triggers t JOIN trigger_states s ON s.trigger_id = t.id WHERE t.workflow_id = $1 AND s.cursor IS NOT NULL", [workflowId]);
      if (rows[0] === undefined) throw new Error("The mailbox was not looked at.");
      return rows[0].id;
    }, WATCHED_WITHIN_MS);
    return { dovecot, user, triggerId };
  } finally {
    await client.close();
  }
}

/** Brings mails until it is stopped, each again and again until the server has taken it. @returns the Message-IDs of all */
async function bringMails({ dovecot, user }: WatchedMailbox, stop: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  while (!stop.aborted) {
    const id = `<${randomUUID()}@example.com>`;
    const mail = `From: ann@example.com\r\nTo: ${user}\r\nSubject: Mail ${ids.length}\r\nDate: ${new Date().toUTCString()}\r\nMessage-ID: ${id}\r\n\r\nHello.\r\n`;
    await eventually(() => append(dovecot, user, mail));
    ids.push(id);
    await sleep(MAIL_EVERY_MS);
  }
  return ids;
}

async function append({ host, port, password }: Dovecot, user: string, mail: string): Promise<void> {
  const client = new ImapFlow({ host, port, secure: false, doSTARTTLS: false, auth: { user, pass: password }, logger: false, disableAutoIdle: true });
  // Commands tell of what breaks; without a listener the event would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    if ((await client.append("INBOX", mail)) === false) throw new Error("The server did not take a mail.");
  } finally {
    client.close();
  }
}

/** Makes the trigger due whenever nobody holds it: the plan's floor and the waits after failures are longer than a fault. */
async function hasten(db: pg.Pool, { triggerId }: WatchedMailbox, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await db.query("UPDATE trigger_states SET next_due_at = clock_timestamp(), claimable_at = clock_timestamp() WHERE trigger_id = $1 AND lease_owner IS NULL", [triggerId]);
    await sleep(HASTE_MS);
  }
}

/** Compares the mails that the server took with what is recorded. @throws Error that says what of I1 to I3 does not hold */
async function assertDelivered(db: pg.Pool, { triggerId }: WatchedMailbox, ids: readonly string[]): Promise<void> {
  const { rows } = await db.query<{ missing: number; extra: number; doubled: number; idle: number; surplus: number; open: number }>(
    `WITH made AS (
       SELECT e.occurrence_key, e.status, coalesce(e.input, p.body) ->> 'messageId' AS mail FROM executions e LEFT JOIN payloads p ON p.tenant_id = e.tenant_id AND p.id = e.input_ref WHERE e.trigger_id = $1
     ), seen AS (SELECT o.occurrence_key, (SELECT count(*) FROM made m WHERE m.occurrence_key = o.occurrence_key) AS executions FROM occurrences o WHERE o.trigger_id = $1)
     SELECT (SELECT count(*) FROM unnest($2::text[]) id WHERE NOT EXISTS (SELECT FROM made WHERE mail = id))::int AS missing,
            (SELECT count(*) FROM made WHERE mail IS NULL OR mail <> ALL ($2))::int AS extra,
            (SELECT count(*) FROM (SELECT FROM made GROUP BY mail HAVING count(*) > 1) d)::int AS doubled,
            (SELECT count(*) FROM seen WHERE executions <> 1)::int AS idle, (SELECT abs(count(*) - cardinality($2)) FROM seen)::int AS surplus,
            (SELECT count(*) FROM made WHERE status <> 'SUCCESS')::int AS open`,
    [triggerId, ids],
  );
  const [found] = rows;
  if (found === undefined) throw new Error("Nothing could be compared.");
  const { missing, extra, doubled, idle, surplus, open } = found;
  const wrong = Object.entries({ "I3 mails without execution": missing, "I1 executions of what is no mail of ours": extra, "I1 mails with several executions": doubled, "I2 occurrences without exactly one execution": idle, "I1 occurrences more or fewer than mails": surplus, "executions without SUCCESS": open }).filter(([, count]) => count > 0);
  if (wrong.length > 0) throw new Error(`Of ${ids.length} mails: ${wrong.map(([what, count]) => `${what}: ${count}`).join("; ")}`);
}

/** Looks that failed while the server was away: without one the fault would prove nothing. */
async function countFailedLooks(db: pg.Pool, { triggerId }: WatchedMailbox): Promise<number> {
  const { rows } = await db.query<{ failed: number }>("SELECT count(error_code)::int AS failed FROM polls WHERE trigger_id = $1", [triggerId]);
  return rows[0]?.failed ?? 0;
}

/** Restarts the server while mails come and dispatchers look, and judges what became of the mails. */
async function restartUnderMails(context: FaultContext, mailbox: WatchedMailbox): Promise<void> {
  const { db, random, history } = context;
  const { dovecot } = mailbox;
  const [noMoreMails, noMoreHaste] = [new AbortController(), new AbortController()];
  const mails = bringMails(mailbox, noMoreMails.signal);
  const haste = hasten(db, mailbox, noMoreHaste.signal);
  // Whoever awaits them hears of it; until then it must not end the process.
  for (const under of [mails, haste]) under.catch(() => undefined);
  try {
    for (let restart = 0; restart < RESTARTS; restart += 1) {
      await sleep(random.between(1_000, 2_500));
      await dovecot.stop();
      history.add({ op: "killed", part: "dovecot", signal: "SIGTERM" });
      await sleep(random.between(1_000, 2_500));
      await dovecot.start();
      history.add({ op: "started", part: "dovecot" });
    }
    context.back();
    await sleep(random.between(1_000, 2_500));
    noMoreMails.abort();
    const ids = await mails;
    await eventually(() => assertDelivered(db, mailbox, ids), SETTLED_WITHIN_MS);
    // Looks after everything was recorded must add nothing.
    await sleep(HASTE_MS * 10);
    await assertDelivered(db, mailbox, ids);
    const failed = await countFailedLooks(db, mailbox);
    history.add({ op: "checked", mails: ids.length, failedLooks: failed });
    if (failed === 0) throw new Error("No look failed while the server was away.");
  } finally {
    noMoreMails.abort();
    noMoreHaste.abort();
    await Promise.allSettled([mails, haste]);
    await db.query("UPDATE trigger_states SET next_due_at = NULL, claimable_at = NULL, lease_owner = NULL, lease_until = NULL WHERE trigger_id = $1", [mailbox.triggerId]);
  }
}

/** Servers of mail that go away under dispatchers. */
export const mailboxFaults: readonly Fault[] = [
  {
    name: "mailbox-server-restarted",
    lane: "fast",
    description: `Dovecot stopped while mails come and dispatchers look at the mailbox, ${RESTARTS} times, and started again with its mailboxes`,
    run: async (context) => {
      const dovecot = await startDovecot({ certificate: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY });
      try {
        await context.system.restartDispatchers({ FLUXO_ALLOWED_PRIVATE_HOSTS: `${dovecot.host}:${dovecot.tlsPort}` });
        await restartUnderMails(context, await watchMailbox(context, dovecot));
      } finally {
        await dovecot.remove();
      }
    },
    restore: ({ system }) => system.restartDispatchers({}),
  },
];
