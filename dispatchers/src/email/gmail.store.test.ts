import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { SourceStage, type SourceHarness, type StagedSource } from "../testing/source-stage.ts";
import { createGmailAccount, type GmailAccount } from "./testing/gmail-account.ts";
import { mailText } from "./testing/mail.ts";

let stage: SourceStage;
let options: Parameters<typeof createGmailAccount>[1] = {};
let account: GmailAccount;
const harness: SourceHarness = async (place) => (account = await createGmailAccount(place, options));

beforeAll(async () => {
  stage = await SourceStage.open(harness);
});
afterEach(() => stage.clear());
afterAll(() => stage.close());

async function watch(parts: typeof options = {}): Promise<{ staged: StagedSource; account: GmailAccount }> {
  options = parts;
  const staged = await stage.stageWatched();
  return { staged, account };
}

async function messageIds({ triggerId }: StagedSource): Promise<unknown[]> {
  const { rows } = await stage.owner.query(
    "SELECT coalesce(e.input, p.body) ->> 'messageId' AS message_id FROM executions e LEFT JOIN payloads p ON p.tenant_id = e.tenant_id AND p.id = e.input_ref WHERE e.trigger_id = $1 ORDER BY e.id",
    [triggerId],
  );
  return rows.map(({ message_id }) => message_id);
}

async function details({ triggerId }: StagedSource): Promise<unknown[]> {
  return (await stage.owner.query("SELECT reason, detail FROM occurrences WHERE trigger_id = $1 AND execution_id IS NULL ORDER BY occurrence_key", [triggerId])).rows;
}

test("history that Gmail has forgotten: a bounded full sync finds what came meanwhile, nothing of the baseline, nothing twice", async () => {
  options = {};
  const staged = await stage.stage();
  account.server.add({ raw: mailText({ id: "old" }), receivedAt: new Date(Date.now() - 60_000) });
  await stage.look(staged);
  account.server.add({ raw: mailText({ id: "known" }) });
  await stage.lookUntil(staged, 1);
  for (let number = 0; number < 60; number += 1) account.server.add({ raw: mailText({ id: `missed-${number}` }) });
  account.server.forgetHistory();
  account.server.add({ raw: mailText({ id: "after" }) });
  expect(await stage.lookUntil(staged, 63)).toEqual({ executions: 62, parked: 0, occurrences: 63 });
  // The oldest first.
  expect(await messageIds(staged)).toEqual(["known", ...Array.from({ length: 60 }, (_, number) => `missed-${number}`), "after"].map((id) => `<${id}@example.com>`));
  expect(await details(staged)).toEqual([{ reason: "FILTERED", detail: expect.stringContaining("forgotten its history") }]);
  await stage.lookUntil(staged, 63);
  account.server.add({ raw: mailText({ id: "later" }) });
  await stage.look(staged);
  expect(await stage.lookUntil(staged, 64)).toMatchObject({ executions: 63 });
  expect((await stage.state(staged))["cursor"]).not.toHaveProperty("resync");
  // Where the history goes on is known again: nobody lists the account once more.
  expect(account.server.requests.filter((request) => request.includes("/messages?"))).toHaveLength(1);
});

test("mails of more than 8 MiB come in several looks, none lost and none twice", async () => {
  const { staged, account } = await watch();
  for (const id of ["a", "b", "c"]) account.server.add({ raw: mailText({ id, body: "x\r\n".repeat(1_700_000) }) });
  account.server.add({ raw: mailText({ id: "small" }) });
  expect([await stage.look(staged), await stage.look(staged)]).toMatchObject([{ accepted: 2 }, { accepted: 2 }]);
  expect(await messageIds(staged)).toEqual(["<a@example.com>", "<b@example.com>", "<c@example.com>", "<small@example.com>"]);
});

test("a mail that is brought into the account with a date of before the baseline is no news", async () => {
  const { staged, account } = await watch();
  account.server.add({ raw: mailText({ id: "imported" }), receivedAt: new Date(Date.now() - 60_000) });
  account.server.add({ raw: mailText({ id: "fresh" }) });
  expect(await stage.lookUntil(staged, 1)).toMatchObject({ executions: 1, occurrences: 1 });
  expect(await messageIds(staged)).toEqual(["<fresh@example.com>"]);
});

test("only mails with all labels count; drafts do not; what does not match the query is filtered; what was deleted is nobody's", async () => {
  const { staged, account } = await watch({ source: { labels: ["INBOX", "Label_1"], query: "subject:invoice" } });
  account.server.add({ raw: mailText({ id: "a", subject: "Invoice 1" }), labels: ["INBOX", "Label_1"] });
  account.server.add({ raw: mailText({ id: "b", subject: "Invoice 2" }), labels: ["INBOX"] });
  account.server.add({ raw: mailText({ id: "c", subject: "Invoice 3" }), labels: ["INBOX", "Label_1", "DRAFT"] });
  account.server.add({ raw: mailText({ id: "d", subject: "Newsletter" }), labels: ["INBOX", "Label_1"] });
  const gone = account.server.add({ raw: mailText({ id: "e", subject: "Invoice 5" }), labels: ["INBOX", "Label_1"] });
  account.server.remove(gone);
  expect(await stage.lookUntil(staged, 2)).toEqual({ executions: 1, parked: 0, occurrences: 2 });
  expect(await messageIds(staged)).toEqual(["<a@example.com>"]);
  expect(await details(staged)).toEqual([{ reason: "FILTERED", detail: "It does not match the trigger's query." }]);
});

test("a token that ends early is renewed within the look; a grant that was revoked breaks the credential, and nobody asks again", async () => {
  const { staged, account } = await watch();
  account.server.expireTokens();
  account.server.add({ raw: mailText({ id: "a" }) });
  await stage.look(staged);
  expect(await stage.tally(staged)).toMatchObject({ executions: 1 });
  account.server.revokeGrant();
  await stage.look(staged);
  expect(await stage.state(staged)).toMatchObject({ failures: 1, error_code: "CREDENTIAL_REJECTED" });
  expect((await stage.owner.query("SELECT health FROM credentials WHERE id = $1", [account.credentialId])).rows).toEqual([{ health: "BROKEN" }]);
  const before = account.server.requests.length;
  await stage.look(staged);
  expect(await stage.state(staged)).toMatchObject({ failures: 2, error_code: "CREDENTIAL_REJECTED" });
  expect(account.server.requests).toHaveLength(before);
});

test.each([429, 403] as const)("a limit of Gmail (%i) makes the trigger wait, and costs no mail", async (status) => {
  const { staged, account } = await watch();
  account.server.add({ raw: mailText({ id: "a" }) });
  const { cursor } = await stage.state(staged);
  account.server.limit(1, status);
  await stage.look(staged);
  expect(await stage.state(staged)).toMatchObject({ cursor, is_due: false, error_code: "PROVIDER_RATE_LIMITED" });
  expect(await stage.lookUntil(staged, 1)).toMatchObject({ executions: 1 });
});

test("a token is sent to the hosts that its credential is bound to, and to no other", async () => {
  options = { hosts: ["elsewhere.example.com"] };
  const staged = await stage.stage();
  await stage.look(staged);
  expect(await stage.state(staged)).toMatchObject({ error_code: "CREDENTIAL_HOST_REFUSED" });
  expect(account.server.requests).toEqual([]);
});
