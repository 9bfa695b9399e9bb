import { randomUUID } from "node:crypto";
import { uuidV7 } from "@fluxo/prisma/ids";
import { systemClock } from "@fluxo/runtime/clock";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { eventually, PATIENCE_MS } from "@fluxo/test/support/eventually";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { startDovecot, type Dovecot } from "@fluxo/test/support/dovecot";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { HeldSources } from "../polling/held-sources.ts";
import { PollRunner } from "../polling/poll-runner.ts";
import { SourceStage, type SourceHarness, type StagedSource } from "../testing/source-stage.ts";
import { startWholeDispatcher } from "../testing/whole-dispatcher.ts";
import type { EmailSource } from "./email-source.ts";
import { mailText } from "./testing/mail.ts";
import { createMailbox, type Mailbox, type MailboxOptions } from "./testing/mailbox.ts";
import { startTcpGate, type TcpGate } from "./testing/tcp-gate.ts";

/** Long enough for a busy machine to keep it, short enough to wait for its end. */
const LEASE_MS = 4_500;
const SOON = { timeout: PATIENCE_MS, interval: 50 };

let dovecot: Dovecot;
let stage: SourceStage;
let gate: TcpGate;
let box: Mailbox;
let options: MailboxOptions = {};
const harness: SourceHarness = async (place) => {
  const { source, watchTimes = { quietMs: 60_000, lookMs: 10_000 }, ...rest } = options;
  box = await createMailbox(dovecot, place, { credential: { port: gate.port }, source: { watch: "idle", ...source }, watchTimes, ...rest });
  return box;
};
const processes: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  dovecot = await startDovecot({ certificate: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY });
  stage = await SourceStage.open(harness);
  await stage.owner.query("UPDATE plans SET poll_interval_seconds_min = 1");
}, 300_000);
beforeEach(async () => {
  options = {};
  gate = await startTcpGate(dovecot.tlsPort);
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((running) => running.stop()));
  await stage.clear();
  await gate.stop();
});
afterAll(async () => {
  await stage.close();
  await dovecot.remove();
});

/** The watches of a process of its own. */
function watcher(staged: StagedSource, name: string, places: { readonly max?: number; readonly hostMax?: number } = {}): HeldSources {
  const { app, system, logger } = stage;
  const source = staged.source.open() as EmailSource;
  const runner = new PollRunner({ source, owner: name, app, ids: uuidV7, clock: systemClock, random: () => 0, logger, timeoutMs: 10_000 });
  const held = new HeldSources({ source, runner, owner: name, system, clock: systemClock, logger, metrics: createMetrics(createRegistry()), leaseMs: LEASE_MS, max: 10, hostMax: 10, ...places });
  processes.push(held);
  return held;
}

async function watched(parts: MailboxOptions = {}): Promise<{ staged: StagedSource; box: Mailbox; held: HeldSources }> {
  options = parts;
  const staged = await stage.stage();
  const held = watcher(staged, "a");
  expect(await held.hold(await stage.claim(staged, "a"))).toBe(true);
  return { staged, box, held };
}

async function lease({ triggerId }: StagedSource): Promise<Record<string, unknown>> {
  const { rows } = await stage.owner.query<Record<string, unknown>>("SELECT lease_owner, lease_epoch AS epoch, lease_until > clock_timestamp() AS is_held, failures, error_code, next_due_at <= clock_timestamp() + interval '5 seconds' AS is_soon FROM trigger_states WHERE trigger_id = $1", [triggerId]);
  return rows[0] ?? {};
}

async function starts(staged: StagedSource, executions: number): Promise<void> {
  await expect.poll(() => stage.tally(staged), SOON).toEqual({ executions, parked: 0, occurrences: executions });
}

test("mails start executions as they arrive, over one connection, whose lease is kept past its time; a quiet mailbox is not looked at", async () => {
  const { staged, box, held } = await watched();
  for (let mail = 1; mail <= 3; mail += 1) {
    await box.append(mailText({ id: randomUUID() }));
    await starts(staged, mail);
  }
  const looks = async (): Promise<number> => (await stage.owner.query("SELECT count(*)::int AS n FROM polls WHERE trigger_id = $1", [staged.triggerId])).rows[0].n;
  // What the last look itself was told may bring one more; then there is none for longer than two leases.
  const isQuiet = async (): Promise<boolean> => {
    const before = await looks();
    await systemClock.sleep(2 * LEASE_MS);
    return (await looks()) === before;
  };
  expect((await isQuiet()) || (await isQuiet())).toBe(true);
  expect(await lease(staged)).toMatchObject({ lease_owner: "a", epoch: 1, is_held: true, error_code: null });
  expect([gate.total(), gate.open()]).toEqual([1, 1]);
  await held.stop();
  expect(await lease(staged)).toMatchObject({ lease_owner: null, is_soon: true });
  await expect.poll(gate.open, SOON).toBe(0);
});

test("a backlog larger than a look comes at once; what afterSuccess says is done", async () => {
  const { staged, box } = await watched({ source: { afterSuccess: "markSeen" } });
  await box.add(30);
  await starts(staged, 30);
  await expect.poll(() => box.use((client) => client.status("INBOX", { unseen: true })), SOON).toMatchObject({ unseen: 0 });
});

test("who is handed over to goes on where the other ended: no mail twice, none lost, never two connections for longer than a lease", async () => {
  const { staged, box, held } = await watched();
  await box.append(mailText({ id: "first" }));
  await starts(staged, 1);
  await held.stop();
  await box.append(mailText({ id: "between" }));
  const second = watcher(staged, "b");
  await second.hold(await stage.claim(staged, "b"));
  await box.append(mailText({ id: "second" }));
  await starts(staged, 3);
  expect([gate.total(), gate.most()]).toEqual([2, 1]);
});

test("a process that was paused past its lease finds another owner: it writes nothing and hangs up", async () => {
  const { staged, box } = await watched();
  // Nobody keeps the lease for as long as the process is paused: as if it ended.
  const second = watcher(staged, "b");
  expect(await second.hold(await stage.claim(staged, "b"))).toBe(true);
  await box.append(mailText({ id: "one" }));
  await starts(staged, 1);
  await expect.poll(gate.open, SOON).toBe(1);
  expect(await lease(staged)).toMatchObject({ lease_owner: "b", epoch: 2, is_held: true });
  expect((await stage.owner.query("SELECT sum(accepted)::int AS accepted, sum(duplicate)::int AS duplicate FROM polls WHERE trigger_id = $1", [staged.triggerId])).rows).toEqual([{ accepted: 1, duplicate: 0 }]);
});

test("a connection that died without a word is found out by the look after the quiet time; the source goes on with the next one", async () => {
  const { staged, box } = await watched({ watchTimes: { quietMs: 1_000, lookMs: 3_000 } });
  gate.freeze();
  await box.append(mailText({ id: "while it is dead" }));
  await expect.poll(() => lease(staged), SOON).toMatchObject({ lease_owner: null, failures: 1, error_code: "NODE_TIMEOUT" });
  await expect.poll(gate.open, SOON).toBe(0);
  gate.thaw();
  expect(await watcher(staged, "b").hold(await stage.claim(staged, "b"))).toBe(true);
  await starts(staged, 1);
  expect(await lease(staged)).toMatchObject({ failures: 0, error_code: null });
});

test("a server that says goodbye is called again soon, without an error; what came meanwhile starts once", async () => {
  const { staged, box } = await watched();
  await dovecot.stop();
  await expect.poll(() => lease(staged), SOON).toMatchObject({ lease_owner: null, failures: 0, error_code: null, is_soon: true });
  await expect.poll(gate.open, SOON).toBe(0);
  await dovecot.start();
  await box.append(mailText({ id: "meanwhile" }));
  await watcher(staged, "b").hold(await stage.claim(staged, "b"));
  await starts(staged, 1);
});

test("a mailbox that is numbered anew while it is watched: what was recorded starts nothing again, what is new starts once", async () => {
  options = { source: { mailbox: "Work" }, watchTimes: { quietMs: 1_000, lookMs: 10_000 } };
  const staged = await stage.stage();
  const [known, fresh] = [mailText({ id: "known" }), mailText({ id: "new" })];
  const append = (mail: string): Promise<void> => box.use(async (client) => void (await client.append("Work", mail)));
  await box.use((client) => client.mailboxCreate("Work"));
  const held = watcher(staged, "a");
  await held.hold(await stage.claim(staged, "a"));
  await append(known);
  await starts(staged, 1);
  const { cursor: before } = await stage.state(staged);
  // The same mail under a new UIDVALIDITY. The server may hang up on whoever watches, or say nothing until somebody opens the mailbox; and it may refuse a step while they are in it: then all of it is done anew.
  await eventually(() =>
    box.use(async (client) => {
      if ((await client.list()).some(({ path }) => path === "Work")) await client.mailboxDelete("Work");
      await client.mailboxCreate("Work");
      for (const mail of [known, fresh]) await client.append("Work", mail);
    }),
  );
  const next = watcher(staged, "b");
  const goOn = async (): Promise<number> => {
    if ((await lease(staged))["lease_owner"] === null) await next.hold(await stage.claim(staged, "b"));
    return (await stage.tally(staged)).executions;
  };
  await expect.poll(goOn, SOON).toBe(2);
  expect((await stage.state(staged))["cursor"]).not.toMatchObject({ uidValidity: (before as Record<string, unknown>)["uidValidity"] });
});

test("a pause ends the connection within the lease; so does a workflow that is switched off", async () => {
  for (const off of ["UPDATE trigger_states SET is_paused = true WHERE trigger_id = $1", "UPDATE workflows SET is_active = false WHERE id = (SELECT workflow_id FROM triggers WHERE id = $1)"]) {
    const { staged } = await watched();
    await stage.owner.query(off, [staged.triggerId]);
    await expect.poll(gate.open, SOON).toBe(0);
    await expect.poll(() => lease(staged), SOON).toMatchObject({ lease_owner: null });
  }
});

test("a login that is refused is told, and no connection stays; a server that is away is told too", async () => {
  const refused = await watched({ credential: { port: gate.port, password: "wrong" } });
  expect(await lease(refused.staged)).toMatchObject({ lease_owner: null, failures: 1, error_code: "CREDENTIAL_REJECTED" });
  await expect.poll(gate.open, SOON).toBe(0);
  await dovecot.stop();
  const away = await watched();
  expect(await lease(away.staged)).toMatchObject({ lease_owner: null, failures: 1, error_code: "CONNECTION_FAILED" });
  await dovecot.start();
});

test("what has no place is polled: places of the process, and of the host", async () => {
  for (const places of [{ max: 1 }, { hostMax: 1 }]) {
    const [first, second] = [await stage.stage(), await stage.stage()];
    const held = watcher(first, "a", places);
    expect(await held.hold(await stage.claim(first, "a"))).toBe(true);
    const claimed = await stage.claim(second, "a");
    expect(await held.hold(claimed)).toBe(false);
    expect(await stage.runner(second, "a").run(claimed)).toMatchObject({ isHeld: true });
    await held.stop();
    await stage.clear();
  }
});

test("a server without IDLE is looked at once over the connection, and polled from then on", async () => {
  const plain = await startDovecot({ certificate: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY, capability: "IMAP4rev1 UIDPLUS" });
  const other = await startTcpGate(plain.tlsPort);
  try {
    const { staged, held } = await watched({ credential: { port: other.port } });
    await expect.poll(() => lease(staged), SOON).toMatchObject({ lease_owner: null, error_code: null });
    await expect.poll(other.open, SOON).toBe(0);
    expect(await held.hold(await stage.claim(staged, "a"))).toBe(false);
  } finally {
    await other.stop();
    await plain.remove();
  }
});

test("the whole dispatcher holds the connection, commits what comes, and leaves nothing behind when it stops", async () => {
  const staged = await stage.stage();
  const running = startWholeDispatcher(stage, staged, "whole");
  processes.push(running);
  await expect.poll(() => lease(staged), SOON).toMatchObject({ is_held: true, lease_owner: expect.stringContaining("whole") });
  await expect.poll(async () => (await stage.state(staged))["cursor"], SOON).not.toBeNull();
  await box.append(mailText({ id: "whole" }));
  await starts(staged, 1);
  await running.stop();
  expect(await lease(staged)).toMatchObject({ lease_owner: null });
  await expect.poll(gate.open, SOON).toBe(0);
});
