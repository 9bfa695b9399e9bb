import { claimExecutions, type ClaimedExecution } from "@fluxo/prisma/executions/claim";
import { intake } from "@fluxo/prisma/executions/intake";
import { recordNodes } from "@fluxo/prisma/executions/journal";
import { settleExecutions } from "@fluxo/prisma/executions/settle";
import { uuidV7 } from "@fluxo/prisma/ids";
import { claimOutbox, markSent } from "@fluxo/prisma/relay/outbox";
import { addWorkflow, occurrenceOf, seedWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { beforeAll, expect, test } from "vitest";
import { chain, MANUAL, post, set } from "../support/graphs.ts";
import { installAudit } from "./audit.ts";
import { check, type Verdict } from "./checker.ts";
import type { Call } from "./provider.ts";
import { shapeOf, type Delivered, type Target } from "./workload.ts";

const GRAPH = chain(MANUAL, post("act", "http://provider/act/0"), set("done"));
const NODES = [["start", "trigger.manual"], ["act", "http.request"], ["done", "set"]] as const;

const { database, owner, app, system } = await useTestDatabase();

beforeAll(async () => {
  await installAudit(database.ownerUrl);
});

/** A fault's deliveries, as its sender and the provider saw them, beside what the database has of them. */
interface Story {
  readonly workflow: SeededWorkflow;
  readonly target: Target;
  readonly prefix: string;
  readonly delivered: Delivered[];
  readonly calls: Call[];
}

async function begin(): Promise<Story> {
  const workflow = await seedWorkflow(owner, GRAPH);
  const target = { tenantId: workflow.tenantId, hookUrl: "", secret: "", shape: shapeOf(GRAPH) };
  return { workflow, target, prefix: `${workflow.tenantId}.`, delivered: [], calls: [] };
}

/** Accepts a delivery and has its sender hear so. Returns its execution's id. */
async function accept({ workflow, target, prefix, delivered }: Story, of = workflow): Promise<string> {
  const id = `${prefix}${delivered.length + 1}`;
  const item = occurrenceOf(of, {}, { occurrenceKey: `delivery:${id}` });
  await intake(app, [item]);
  await markSent(system, "relay", await claimOutbox(system, { owner: "relay", limit: 10, leaseMs: 60_000, outstandingMax: 10 }));
  delivered.push({ id, target, executionIds: new Set([item.executionId]) });
  return item.executionId;
}

async function claim({ workflow: { tenantId } }: Story, executionId: string): Promise<ClaimedExecution> {
  const { claimed } = await claimExecutions(app, { tenantId, executionIds: [executionId], owner: "w", leaseMs: 60_000, nodeTiers: {}, keepStarved: "never" });
  const [execution] = claimed;
  if (execution === undefined) throw new Error("Nothing was claimed.");
  return execution;
}

function call({ calls }: Story, executionId: string, key = `${executionId}:act:0`): void {
  calls.push({ node: "act", key, executionId: key.split(":")[0] ?? "", at: Date.now() });
}

async function record({ tenantId, executionId, epoch }: ClaimedExecution, position: 0 | 1 | 2): Promise<void> {
  const [nodeId, nodeType] = NODES[position];
  const row = { tenantId, executionId, epoch, nodeId, nodeType, nodeName: nodeId, item: 0, position, integration: null, status: "SUCCESS", attempt: 1, ports: ["main"], usage: null, output: {} } as const;
  await recordNodes(app, [{ ...row, payloadId: uuidV7.next(), failure: null, attempts: [], startedAt: new Date(), completedAt: new Date(), resumeAt: null, reason: null }]);
}

async function settle({ tenantId, executionId, epoch }: ClaimedExecution): Promise<void> {
  await settleExecutions(app, [{ tenantId, executionId, epoch, payloadId: uuidV7.next(), settlement: { status: "SUCCESS", output: {} } }]);
}

/** A delivery from its acceptance to its end, as it should be. */
async function runWell(story: Story): Promise<string> {
  const id = await accept(story);
  const execution = await claim(story, id);
  await record(execution, 0);
  call(story, id);
  await record(execution, 1);
  await record(execution, 2);
  await settle(execution);
  return id;
}

const judge = ({ prefix, delivered, target, calls }: Story): Promise<Verdict> => check(owner, { prefix, delivered, targets: [target], calls });

/** What the owner can do and nobody else: the database refuses it to the services. */
async function tamper(sql: string, id: string): Promise<void> {
  await owner.query(`ALTER TABLE executions DISABLE TRIGGER executions_terminal; ${sql.replaceAll("$1", `'${id}'`)}; ALTER TABLE executions ENABLE TRIGGER executions_terminal`);
}

test("a fault that did no harm has nothing to tell, also when a call was repeated with its key because its record was lost", async () => {
  const story = await begin();
  await runWell(story);
  const id = await accept(story);
  const first = await claim(story, id);
  await record(first, 0);
  call(story, id);
  await owner.query("UPDATE executions SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1", [id]);
  const second = await claim(story, id);
  call(story, id);
  await record(second, 1);
  await record(second, 2);
  await settle(second);
  expect(await judge(story)).toEqual({ lost: 0, duplicated: 0, repeatedCalls: 1, violations: [] });
});

/** What is done to one well-ended delivery among others, and what the checker says of it. */
const HARM: readonly (readonly [name: string, harm: (story: Story, id: string) => Promise<unknown> | void, verdict: { readonly lost?: number; readonly duplicated?: number; readonly violation: RegExp }])[] = [
  ["an accepted delivery has no execution", ({ delivered, target, prefix }) => void delivered.push({ id: `${prefix}9`, target, executionIds: new Set([uuidV7.next()]) }), { lost: 1, duplicated: 1, violation: /^I2 accepted .*no execution/ }],
  ["an execution never ends", (story) => accept(story), { lost: 1, violation: /^I2 accepted .*is QUEUED/ }],
  ["an execution ends otherwise", (_, id) => tamper("UPDATE executions SET status = 'FAILED' WHERE id = $1", id), { lost: 1, violation: /^I2 accepted .*is FAILED/ }],
  ["an execution whose sender got no answer never ends", async (story) => { await accept(story); story.delivered.pop(); }, { lost: 1, violation: /^I2 accepted .*is QUEUED/ }],
  ["an execution is gone that has acted", (story) => call(story, uuidV7.next()), { lost: 1, violation: /^I2 a side effect of an execution that is not recorded/ }],
  ["a side effect came without a key", (story, id) => call(story, id, ""), { lost: 1, violation: /^I2 a side effect of an execution that is not recorded/ }],
  ["a node is recorded that never acted", ({ calls }) => void calls.splice(0, 1), { lost: 1, violation: /^I2 a side effect was recorded as done and never happened/ }],
  ["a side effect has the key of another node", ({ calls }, id) => void calls.splice(0, 1, { node: "act", key: `${id}:other:0`, executionId: id, at: calls[0]?.at ?? 0 }), { lost: 1, violation: /^I2 a side effect was recorded as done and never happened/ }],
  ["a delivery has two executions", async (story) => {
    const other = await addWorkflow(owner, story.workflow.tenantId, GRAPH);
    story.delivered.length = 0;
    const item = occurrenceOf(other, {}, { occurrenceKey: `delivery:${story.prefix}1` });
    await intake(app, [item]);
    const execution = await claim(story, item.executionId);
    await record(execution, 0);
    call(story, item.executionId);
    await record(execution, 1);
    await record(execution, 2);
    await settle(execution);
  }, { duplicated: 1, violation: /^I1 more than one execution of a delivery/ }],
  ["a repeat of a delivery was told of another execution", ({ delivered }, id) => void delivered.splice(0, 1, { ...delivered[0] as Delivered, executionIds: new Set([id, uuidV7.next()]) }), { duplicated: 1, violation: /^I1 more than one .*which is not its execution/ }],
  ["a node acts after its record", ({ calls }, id) => void calls.push({ node: "act", key: `${id}:act:0`, executionId: id, at: Date.now() + 1_000 }), { duplicated: 1, violation: /^I4 a node was called again after its record/ }],
  ["a side effect has another key at its second attempt", ({ calls }, id) => void calls.push({ node: "act", key: `${id}:act:1`, executionId: id, at: calls[0]?.at ?? 0 }), { duplicated: 1, violation: /^I4 a side effect had more than one key/ }],
  ["a done record is written again", (_, id) => owner.query("UPDATE node_executions SET epoch = epoch WHERE execution_id = $1 AND node_id = 'done'", [id]), { violation: /^I4 a committed record was written again/ }],
  ["a node has no row", (_, id) => owner.query("DELETE FROM node_executions WHERE execution_id = $1 AND node_id = 'done'", [id]), { violation: /^I4 the journal is not one done row per node/ }],
  ["the journal is in another order", (_, id) => owner.query("UPDATE node_executions SET position = 3 - position WHERE execution_id = $1", [id]), { violation: /^I4 the journal is not one done row per node/ }],
  ["a terminal status changes", (_, id) => tamper("UPDATE executions SET status = 'CANCELED' WHERE id = $1; UPDATE executions SET status = 'SUCCESS' WHERE id = $1", id), { violation: /^I5 a status changed that may not: 2 .*SUCCESS to CANCELED/ }],
  ["an epoch is jumped over", (_, id) => tamper("UPDATE executions SET lease_epoch = lease_epoch + 2 WHERE id = $1", id), { violation: /^I5 .*SUCCESS to SUCCESS/ }],
  ["a late writer gets through", async (_, id) => {
    await owner.query("UPDATE node_executions SET epoch = 2, status = 'WAITING' WHERE execution_id = $1 AND node_id = 'done'", [id]);
    await owner.query("UPDATE node_executions SET epoch = 1, status = 'SUCCESS' WHERE execution_id = $1 AND node_id = 'done'", [id]);
  }, { violation: /^I5 a late writer was not fenced/ }],
  ["a slot is not given back", ({ workflow }) => owner.query("UPDATE concurrency_slots SET used = 1 WHERE tenant_id = $1", [workflow.tenantId]), { violation: /^I7 a counter is not at rest: 1 .*slots is 1/ }],
  ["a reservation is left", ({ workflow }) => owner.query("UPDATE usage_windows SET reserved = 1 WHERE tenant_id = $1", [workflow.tenantId]), { violation: /^I7 a counter is not at rest: 1 .*reserved is 1/ }],
  ["an execution is counted twice", ({ workflow }) => owner.query("UPDATE usage_windows SET used = used + 1 WHERE tenant_id = $1", [workflow.tenantId]), { violation: /^I7 usage is not the number of executions/ }],
  ["an entry is left in the outbox", ({ workflow }, id) => owner.query("INSERT INTO outbox (tenant_id, execution_id, concurrency_class, event_id) VALUES ($1, $2, 'small', 'x')", [workflow.tenantId, id]), { violation: /^I7 a counter is not at rest: 1 .*outbox is 1/ }],
];

test.each(HARM)("is found: %s", async (_, harm, { lost = 0, duplicated = 0, violation }) => {
  const story = await begin();
  const id = await runWell(story);
  await runWell(story);
  await harm(story, id);
  const verdict = await judge(story);
  expect(verdict).toMatchObject({ lost, duplicated });
  expect(verdict.violations.filter((sentence) => violation.test(sentence))).toHaveLength(1);
});

test("is found: a node was recorded before what leads into it", async () => {
  const story = await begin();
  const id = await accept(story);
  const execution = await claim(story, id);
  for (const position of [2, 0] as const) await record(execution, position);
  call(story, id);
  await record(execution, 1);
  await settle(execution);
  expect((await judge(story)).violations).toEqual([expect.stringMatching(/^a node was recorded before what leads into it: 1 /)]);
});
