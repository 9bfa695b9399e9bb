import { randomUUID } from "node:crypto";
import type { JsonObject } from "@fluxo/core/json";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { startDovecot, type Dovecot } from "@fluxo/test/support/dovecot";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { SourceStage, type SourceHarness, type StagedSource } from "../testing/source-stage.ts";
import { mailText } from "./testing/mail.ts";
import { createMailbox, type Mailbox, type MailboxOptions } from "./testing/mailbox.ts";
import { startStripper } from "./testing/without-starttls.ts";

/** A certificate authority that signed nothing here. */
const UNRELATED_CA = `-----BEGIN CERTIFICATE-----
MIIBiDCCAS+gAwIBAgIURRHBhu6R56xm/lcJ0TB9zU2Pgb8wCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdW5yZWxhdGVkLnRlc3QwIBcNMjYxMTIzMTMyOTA1WhgPMjEy
NjEwMzAxMzI5MDVaMBkxFzAVBgNVBAMMDnVucmVsYXRlZC50ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEtc+ozK5wYlz8Gsh/6SlxV671cS2lfrXcCyjn141r
vX/CZh4AJ9DylZrBUrD0G0iPhVgXxBXCI5qytDy0LZjA5aNTMFEwHQYDVR0OBBYE
FKiybN5/FH9lr3EtSi8FGVVSiKDUMB8GA1UdIwQYMBaAFKiybN5/FH9lr3EtSi8F
GVVSiKDUMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgFF8Kzd4Q
jNB9H/C2ZDDbvtfXkDim2RUM87czWERvSpQCIDKO7/+8cac8hlQMs0bMeFyZjQMC
f8GV3fXMe4zaxdEs
-----END CERTIFICATE-----
`;

let dovecot: Dovecot;
let stage: SourceStage;
let options: MailboxOptions = {};
let box: Mailbox;
/** What the next source of the stage is. */
const harness: SourceHarness = async (place) => (box = await createMailbox(dovecot, place, options));

beforeAll(async () => {
  dovecot = await startDovecot({ certificate: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY });
  stage = await SourceStage.open(harness);
}, 300_000);
afterEach(() => stage.clear());
afterAll(async () => {
  await stage.close();
  await dovecot.remove();
});

async function watch(parts: MailboxOptions = {}): Promise<{ staged: StagedSource; box: Mailbox }> {
  options = parts;
  const staged = await stage.stageWatched();
  return { staged, box };
}

async function rows(sql: string, { triggerId }: StagedSource): Promise<Record<string, unknown>[]> {
  return (await stage.owner.query<Record<string, unknown>>(sql, [triggerId])).rows;
}

async function inputs(staged: StagedSource): Promise<JsonObject[]> {
  const found = await rows("SELECT coalesce(e.input, p.body) AS input FROM executions e LEFT JOIN payloads p ON p.tenant_id = e.tenant_id AND p.id = e.input_ref WHERE e.trigger_id = $1 ORDER BY e.id", staged);
  return found.map(({ input }) => input as JsonObject);
}

test("a mail becomes its parts, without being marked as seen", async () => {
  const { staged, box } = await watch({ params: { attachments: "reference" } });
  const mail = [
    "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.com>", "To: a@example.com, Team: b@example.com, c@example.com;", "Reply-To: reply@example.com", "Subject: =?utf-8?b?w4TDlsOc?=",
    "Date: Mon, 05 Jan 2026 08:00:00 +0100", "Message-ID: <one@example.com>", "List-Id: <list.example.com>", "X-Secret: not kept", "MIME-Version: 1.0", 'Content-Type: multipart/mixed; boundary="b"', "",
    "--b", "Content-Type: text/html; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable", "", "<p>Gr=FC=DFe</p>", "--b", 'Content-Type: text/csv; name="../a.csv"', "Content-Disposition: attachment", "", "1,2", "--b--", "",
  ].join("\r\n");
  await box.append(mail, new Date("2026-01-05T07:00:01.000Z"));
  await stage.lookUntil(staged, 1);
  expect(await inputs(staged)).toMatchObject([
    {
      provider: "imap", uid: "1", messageId: "<one@example.com>", from: [{ name: "Jörg", address: "joerg@example.com" }], to: [{ address: "a@example.com" }, { address: "b@example.com" }, { address: "c@example.com" }],
      replyTo: [{ address: "reply@example.com" }], subject: "ÄÖÜ", date: "2026-01-05T07:00:00.000Z", receivedAt: "2026-01-05T07:00:01.000Z", html: "<p>Grüße</p>", text: null,
      headers: { "list-id": "<list.example.com>" }, attachments: [{ mediaType: "text/csv", bytes: 3, content: Buffer.from("1,2").toString("base64") }],
    },
  ]);
  expect(Object.keys((await inputs(staged))[0]?.["headers"] ?? {})).toEqual(["list-id"]);
  await box.use(async (client) => {
    await client.mailboxOpen("INBOX");
    expect(await client.search({ seen: false })).toEqual([1]);
  });
});

test("the server numbers the mailbox anew: what was recorded or belongs to the baseline starts nothing, what came meanwhile starts once", async () => {
  options = {};
  const staged = await stage.stage();
  await box.append(mailText({ id: "old" }));
  await box.append(mailText({ id: undefined, subject: "old, without an id" }));
  await stage.look(staged);
  await box.append(mailText({ id: "known" }));
  await stage.lookUntil(staged, 1);
  const { cursor: before } = await stage.state(staged);
  await box.use(async (client) => {
    await client.mailboxOpen("INBOX");
    await client.messageDelete("1");
  });
  await box.append(mailText({ id: "meanwhile" }));
  dovecot.renumber(box.user);
  expect(await stage.lookUntil(staged, 3)).toEqual({ executions: 2, parked: 0, occurrences: 3 });
  expect(await rows("SELECT detail FROM occurrences WHERE trigger_id = $1 AND reason = 'FILTERED'", staged)).toEqual([{ detail: expect.stringContaining("numbered the mailbox anew") }]);
  await box.append(mailText({ id: "after" }));
  expect(await stage.lookUntil(staged, 4)).toEqual({ executions: 3, parked: 0, occurrences: 4 });
  expect((await inputs(staged)).map(({ messageId }) => messageId)).toEqual(["<known@example.com>", "<meanwhile@example.com>", "<after@example.com>"]);
  expect((await stage.state(staged))["cursor"]).toMatchObject({ lastUid: 4 });
  expect((await stage.state(staged))["cursor"]).not.toHaveProperty("resync");
  expect((await stage.state(staged))["cursor"]).not.toMatchObject({ uidValidity: (before as JsonObject)["uidValidity"] });
});

test("a mailbox that was restored elsewhere: what was sent before starts nothing though its server got it just now, nor does what it says to have got before", async () => {
  options = { source: { mailbox: "Work" } };
  const staged = await stage.stage();
  const [known, longAgo] = [mailText({ id: "known" }), new Date(Date.now() - 10 * 86_400_000)];
  const append = (mail: string, receivedAt?: Date): Promise<void> => box.use(async (client) => void (await client.append("Work", mail, [], receivedAt)));
  await box.use((client) => client.mailboxCreate("Work"));
  await stage.look(staged);
  await append(known);
  await stage.lookUntil(staged, 1);
  await box.use(async (client) => {
    await client.mailboxDelete("Work");
    await client.mailboxCreate("Work");
  });
  await append(mailText({ id: "sent long ago", date: longAgo }));
  for (const mail of [known, mailText({ id: "new" })]) await append(mail);
  await append(mailText({ id: "got long ago" }), longAgo);
  expect(await stage.lookUntil(staged, 4)).toMatchObject({ executions: 2 });
  await append(mailText({ id: "after" }));
  expect(await stage.lookUntil(staged, 5)).toMatchObject({ executions: 3 });
  expect((await inputs(staged)).map(({ messageId }) => messageId)).toEqual(["<known@example.com>", "<new@example.com>", "<after@example.com>"]);
  expect(await rows("SELECT detail FROM occurrences WHERE trigger_id = $1 AND reason = 'FILTERED' AND occurrence_key LIKE 'mail:%'", staged)).toEqual([{ detail: expect.stringContaining("It was sent before") }]);
});

test("mails of more than 8 MiB come in several looks, none lost and none twice", async () => {
  const { staged, box } = await watch();
  for (const id of ["a", "b"]) await box.append(mailText({ id, body: "x\r\n".repeat(1_700_000) }));
  await box.append(mailText({ id: "small" }));
  expect([await stage.look(staged), await stage.look(staged)]).toMatchObject([{ accepted: 1 }, { accepted: 2 }]);
  expect((await inputs(staged)).map(({ messageId }) => messageId)).toEqual(["<a@example.com>", "<b@example.com>", "<small@example.com>"]);
});

test("one mail that is delivered twice starts once; mails of a careless sender with one id start each", async () => {
  const { staged, box } = await watch();
  const [mail, other] = [mailText({ id: "same" }), mailText({ id: "same", subject: "Another" })];
  for (const text of [mail, mail, other]) await box.append(text);
  await stage.lookUntil(staged, 2);
  await box.append(mail);
  await stage.look(staged);
  expect(await stage.tally(staged)).toEqual({ executions: 2, parked: 0, occurrences: 2 });
});

test("a huge mail and one without a head are parked with their beginning; the mailbox goes on", async () => {
  const { staged, box } = await watch();
  await box.append(Buffer.concat([Buffer.from(mailText({ id: "huge" })), Buffer.alloc(26_300_000, "x\r\n")]));
  await box.append("\r\nno head at all\r\n");
  await box.append(mailText({ id: "fine" }));
  expect(await stage.lookUntil(staged, 3)).toEqual({ executions: 1, parked: 2, occurrences: 3 });
  expect(await rows("SELECT code, reference, octet_length(raw) AS bytes FROM parked_items WHERE trigger_id = $1 ORDER BY reference", staged)).toEqual([
    { code: "DATA_TOO_LARGE", reference: "uid 1 of INBOX", bytes: 65_536 },
    { code: "DATA_UNREADABLE", reference: "uid 2 of INBOX", bytes: 18 },
  ]);
});

test("a server that restarts in the middle costs a look, and no mail", async () => {
  const { staged, box } = await watch();
  await box.append(mailText({ id: "before" }));
  const { cursor } = await stage.state(staged);
  await dovecot.stop();
  try {
    await stage.look(staged);
    expect(await stage.state(staged)).toMatchObject({ cursor, failures: 1, error_code: "CONNECTION_FAILED" });
  } finally {
    await dovecot.start();
  }
  await box.append(mailText({ id: "after" }));
  expect(await stage.lookUntil(staged, 2)).toMatchObject({ executions: 2 });
});

test("a refused login breaks the credential once for all its triggers; after an hour one of them tries again", async () => {
  options = { credential: { password: "wrong" } };
  const first = await stage.stage();
  await stage.look(first);
  expect(await stage.state(first)).toMatchObject({ failures: 1, error_code: "CREDENTIAL_REJECTED", cursor: null });
  const health = async (): Promise<unknown> => (await stage.owner.query("SELECT health, health_message FROM credentials WHERE id = $1", [box.credentialId])).rows[0];
  expect(await health()).toEqual({ health: "BROKEN", health_message: expect.stringContaining("refused the login") });
  expect(JSON.stringify([await health(), await stage.state(first)])).not.toContain("wrong");
  // Nobody is asked any more: the server is not even there.
  await dovecot.stop();
  try {
    await stage.look(first);
    expect(await stage.state(first)).toMatchObject({ failures: 2, error_code: "CREDENTIAL_REJECTED", error_message: expect.stringContaining("known to be refused") });
    await stage.owner.query("UPDATE credentials SET health_at = clock_timestamp() - interval '61 minutes' WHERE id = $1", [box.credentialId]);
    await stage.look(first);
    expect(await stage.state(first)).toMatchObject({ failures: 3, error_code: "CONNECTION_FAILED" });
    await stage.look(first);
    expect(await stage.state(first)).toMatchObject({ failures: 4, error_code: "CREDENTIAL_REJECTED" });
  } finally {
    await dovecot.start();
  }
});

test("a credential that works is noted as healthy; one that the version does not declare is not opened", async () => {
  const { staged, box } = await watch();
  expect((await stage.owner.query("SELECT health FROM credentials WHERE id = $1", [box.credentialId])).rows).toEqual([{ health: "HEALTHY" }]);
  await stage.owner.query("DELETE FROM workflow_version_credentials WHERE credential_id = $1", [box.credentialId]);
  await stage.look(staged);
  expect(await stage.state(staged)).toMatchObject({ error_code: "CREDENTIAL_NOT_FOUND" });
});

test("certificates are checked with TLS and STARTTLS alike", async () => {
  for (const [credential, code] of [
    [{ security: "starttls", port: dovecot.port }, null],
    [{ ca: UNRELATED_CA }, "CONNECTION_FAILED"],
    [{ security: "starttls", port: dovecot.port, ca: UNRELATED_CA }, "CONNECTION_FAILED"],
    [{ host: "localhost" }, "CONNECTION_FAILED"],
    [{ security: "starttls", host: "localhost", port: dovecot.port }, "CONNECTION_FAILED"],
  ] as const) {
    options = { credential };
    const staged = await stage.stage();
    await stage.look(staged);
    expect([credential, (await stage.state(staged))["error_code"]]).toEqual([credential, code]);
  }
});

test("STARTTLS that somebody takes out of the server's offer is refused before a password is sent", async () => {
  const stripper = await startStripper(dovecot.port);
  try {
    options = { credential: { security: "starttls", port: stripper.port } };
    const staged = await stage.stage();
    await stage.look(staged);
    expect(await stage.state(staged)).toMatchObject({ error_code: "CONNECTION_FAILED", error_message: expect.stringContaining("STARTTLS") });
    expect(stripper.connections()).toBe(1);
    expect(stripper.heard()).not.toMatch(/LOGIN|AUTHENTICATE/i);
  } finally {
    await stripper.stop();
  }
});

test.each(["markSeen", "move"])("afterSuccess: %s acts after the commit, by the look that follows at once, and again without harm", async (afterSuccess) => {
  const { staged, box } = await watch({ source: { afterSuccess, ...(afterSuccess === "move" ? { moveTo: "Handled" } : {}) } });
  await box.append(mailText({ id: randomUUID() }));
  const look = async (): Promise<readonly number[]> =>
    box.use(async (client) => {
      const counts = await client.status(afterSuccess === "move" ? "Handled" : "INBOX", { messages: true, unseen: true }).catch(() => false as const);
      const inbox = await client.status("INBOX", { messages: true, unseen: true });
      if (inbox === false) throw new Error("No INBOX.");
      return [inbox.messages ?? -1, inbox.unseen ?? -1, counts === false ? 0 : (counts.messages ?? -1)];
    });
  await stage.look(staged);
  const { cursor } = await stage.state(staged);
  expect(await stage.state(staged)).toMatchObject({ is_due: true, cursor: { pending: [1] } });
  expect((await look()).slice(0, 2)).toEqual([1, 1]);
  for (let time = 0; time < 2; time += 1) {
    await stage.look(staged);
    expect((await stage.state(staged))["cursor"]).not.toHaveProperty("pending");
    expect(await look()).toEqual(afterSuccess === "move" ? [0, 0, 1] : [1, 0, 1]);
    // As if the process had died before it wrote that it is done.
    await stage.owner.query("UPDATE trigger_states SET cursor = $2 WHERE trigger_id = $1", [staged.triggerId, JSON.stringify(cursor)]);
  }
  expect(await stage.tally(staged)).toMatchObject({ executions: 1 });
});

test("afterSuccess touches what started an execution, and its copies; what was filtered, parked or is larger than the plan allows stays as it is", async () => {
  const filter = { match: "all", conditions: [{ path: "subject", operator: "startsWith", right: "Order" }] };
  const { staged, box } = await watch({ source: { afterSuccess: "move", moveTo: "Handled" }, params: { filter, bodyBytesMax: 1_048_576 } });
  const order = mailText({ id: "order", subject: "Order 1" });
  for (const mail of [order, mailText({ id: "other", subject: "Newsletter" }), mailText({ id: "large", subject: "Order 2" }) + "x\r\n".repeat(300_000), "\r\nno head at all\r\n", order]) await box.append(mail);
  await stage.owner.query("UPDATE plans SET payload_bytes_max = 100000 WHERE id = (SELECT plan_id FROM tenants WHERE id = $1)", [staged.tenantId]);
  await stage.lookUntil(staged, 4);
  await stage.look(staged);
  expect(await rows("SELECT reason FROM occurrences WHERE trigger_id = $1 ORDER BY reason", staged)).toEqual(["ACCEPTED", "FILTERED", "PARKED", "PAYLOAD_TOO_LARGE"].map((reason) => ({ reason })));
  expect(await box.use(async (client) => [await client.status("INBOX", { messages: true, unseen: true }), await client.status("Handled", { messages: true })])).toMatchObject([{ messages: 3, unseen: 3 }, { messages: 2 }]);
});
