import { seededRandom } from "@fluxo/test/chaos/random";
import { beforeAll, expect, test } from "vitest";
import { addPlan, occurrenceOf, seedWorkflow } from "../testing/seed.ts";
import { useTestDatabase } from "../testing/test-database.ts";
import { claimExecutions } from "./claim.ts";
import { INLINE_BYTES_MAX, intake, type IntakeItem } from "./intake.ts";

const GRAPH = { nodes: [{ id: "start", type: "trigger.manual" }], edges: [] };

const { owner, app } = await useTestDatabase({ app: 16 });

beforeAll(async () => {
  // What a dispatcher keeps: its position in a source.
  await owner.query("CREATE TABLE cursor_of_test (position int NOT NULL); INSERT INTO cursor_of_test VALUES (0); GRANT SELECT, UPDATE ON cursor_of_test TO fluxo_app");
});

/** Rows of a tenant that intake writes, by table. */
async function written(tenantId: string): Promise<{ occurrences: number; executions: number; outbox: number; payloads: number }> {
  const { rows } = await owner.query(
    `SELECT (SELECT count(*)::int FROM occurrences WHERE tenant_id = $1) AS occurrences, (SELECT count(*)::int FROM executions WHERE tenant_id = $1) AS executions,
            (SELECT count(*)::int FROM outbox WHERE tenant_id = $1) AS outbox, (SELECT count(*)::int FROM payloads WHERE tenant_id = $1) AS payloads`,
    [tenantId],
  );
  return rows[0];
}

test("inside of a caller's transaction, cursor and occurrence are kept or lost together, and the caller's tenant stays", async () => {
  const [workflow, other] = [await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH)];
  const item = occurrenceOf(workflow);
  for (const end of ["ROLLBACK", "COMMIT"]) {
    const client = await app.connect();
    await client.query("BEGIN");
    await client.query("SELECT set_config('app.tenant_id', $1, true)", [other.tenantId]);
    await client.query("UPDATE cursor_of_test SET position = position + 1");
    expect(await intake(client, [item])).toEqual([{ outcome: "accepted", executionId: item.executionId }]);
    expect((await client.query("SELECT current_setting('app.tenant_id') AS tenant")).rows[0]).toEqual({ tenant: other.tenantId });
    await client.query(end);
    client.release();
    const { rows } = await owner.query("SELECT position FROM cursor_of_test");
    const count = end === "COMMIT" ? 1 : 0;
    expect({ ...rows[0], ...(await written(workflow.tenantId)) }).toEqual({ position: count, occurrences: count, executions: count, outbox: count, payloads: 0 });
  }
});

test("a transaction that fails after intake leaves nothing, and the next one with the key is the first", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const item = occurrenceOf(workflow, {}, { occurrenceKey: "due 1" });
  const client = await app.connect();
  await client.query("BEGIN");
  await intake(client, [item]);
  await expect(client.query("SELECT 1 / 0")).rejects.toThrow(/division by zero/);
  await client.query("COMMIT");
  client.release();
  expect(await written(workflow.tenantId)).toEqual({ occurrences: 0, executions: 0, outbox: 0, payloads: 0 });
  const again = occurrenceOf(workflow, {}, { occurrenceKey: "due 1" });
  expect(await intake(app, [again])).toEqual([{ outcome: "accepted", executionId: again.executionId }]);
});

test("the same keys by a hundred calls at once, each in an order of its own: one execution each, no deadlock, and everybody hears its id", async () => {
  const workflows = [await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH)];
  const random = seededRandom(1);
  const calls = Array.from({ length: 100 }, () =>
    workflows
      .flatMap((workflow) => Array.from({ length: 6 }, (_, key) => occurrenceOf(workflow, {}, { occurrenceKey: `key-${key}` })))
      .map((item) => ({ item, order: random.next() }))
      .toSorted((left, right) => left.order - right.order)
      .map(({ item }) => item),
  );
  const answers = await Promise.all(calls.map((items) => intake(app, items)));
  const byKey = Map.groupBy(
    answers.flatMap((results, call) => results.map((result, index) => ({ result, item: calls[call]?.[index] as IntakeItem }))),
    ({ item }) => `${item.triggerId} ${item.occurrenceKey}`,
  );
  expect(byKey.size).toBe(12);
  for (const heard of byKey.values()) {
    const accepted = heard.filter(({ result }) => result.outcome === "accepted");
    expect(accepted).toHaveLength(1);
    const executionId = accepted[0]?.item.executionId;
    expect(heard.filter(({ result }) => result.outcome === "duplicate" && result.executionId === executionId)).toHaveLength(99);
  }
  for (const { tenantId } of workflows) expect(await written(tenantId)).toMatchObject({ occurrences: 6, executions: 6, outbox: 6 });
});

test("a batch of many tenants keeps them apart, and one tenant's trigger is no trigger of another's", async () => {
  const workflows = [await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH), await seedWorkflow(owner, GRAPH)] as const;
  const own = workflows.flatMap((workflow, index) => Array.from({ length: index + 1 }, () => occurrenceOf(workflow)));
  const foreign = occurrenceOf({ ...workflows[0], triggerId: workflows[1].triggerId });
  const results = await intake(app, [own[5], foreign, own[0], own[3], own[1], own[4], own[2]] as IntakeItem[]);
  expect(results[1]).toEqual({ outcome: "gone" });
  expect(results.filter(({ outcome }) => outcome === "accepted")).toHaveLength(6);
  for (const [index, { tenantId, triggerId, workflowId, versionId }] of workflows.entries()) {
    const { rows } = await owner.query("SELECT id FROM executions WHERE tenant_id = $1 AND trigger_id = $2 AND workflow_id = $3 AND version_id = $4 ORDER BY id", [tenantId, triggerId, workflowId, versionId]);
    expect(rows.map(({ id }) => id)).toEqual(own.filter((item) => item.tenantId === tenantId).map(({ executionId }) => executionId).toSorted());
    expect(rows).toHaveLength(index + 1);
  }
});

test("a key tells new, repeated and different requests apart, within a batch and after; a trigger that is off, or not published, is gone", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const item = (fingerprint: string): IntakeItem => occurrenceOf(workflow, {}, { occurrenceKey: "k", fingerprint });
  const first = item("f");
  expect(await intake(app, [first, item("f"), item("g")])).toEqual(["accepted", "duplicate", "conflict"].map((outcome) => ({ outcome, executionId: first.executionId })));
  expect(await intake(app, [item("f"), item("g")])).toEqual(["duplicate", "conflict"].map((outcome) => ({ outcome, executionId: first.executionId })));
  expect(await intake(app, [first]), "the same call again, after an answer that was lost").toEqual([{ outcome: "accepted", executionId: first.executionId }]);
  await owner.query("UPDATE triggers SET is_enabled = false WHERE id = $1", [workflow.triggerId]);
  expect(await intake(app, [occurrenceOf(workflow), item("f")])).toEqual([{ outcome: "gone" }, { outcome: "duplicate", executionId: first.executionId }]);
  await owner.query("UPDATE triggers SET is_enabled = true WHERE id = $1", [workflow.triggerId]);
  await owner.query("UPDATE workflows SET published_version_id = NULL WHERE id = $1", [workflow.workflowId]);
  expect(await intake(app, [occurrenceOf(workflow)])).toEqual([{ outcome: "gone" }]);
  expect(await written(workflow.tenantId)).toMatchObject({ occurrences: 1, executions: 1, outbox: 1 });
});

test("an input up to the threshold is in the row, a larger one in the payloads, and the worker gets it whole either way", async () => {
  const workflow = await seedWorkflow(owner, GRAPH);
  const frame = Buffer.byteLength(JSON.stringify({ text: "" }));
  // Two bytes a letter: the threshold counts bytes.
  const inputs = [INLINE_BYTES_MAX, INLINE_BYTES_MAX + 2].map((bytes) => ({ text: "ä".repeat((bytes - frame - 1) / 2) + "x" }));
  const items = inputs.map((input) => occurrenceOf(workflow, input));
  expect(inputs.map((input) => Buffer.byteLength(JSON.stringify(input)))).toEqual([INLINE_BYTES_MAX, INLINE_BYTES_MAX + 2]);
  await intake(app, items);
  const { rows } = await owner.query(
    "SELECT e.input IS NOT NULL AS inline, e.input_ref AS ref, p.bytes FROM executions e LEFT JOIN payloads p ON p.tenant_id = e.tenant_id AND p.id = e.input_ref AND p.execution_id = e.id WHERE e.tenant_id = $1 ORDER BY e.id",
    [workflow.tenantId],
  );
  expect(rows).toEqual([{ inline: true, ref: null, bytes: null }, { inline: false, ref: items[1]?.payloadId, bytes: INLINE_BYTES_MAX + 2 }]);
  const { claimed } = await claimExecutions(app, { tenantId: workflow.tenantId, executionIds: items.map(({ executionId }) => executionId), owner: "w", leaseMs: 10_000, nodeTiers: {}, keepStarved: "never" });
  expect(claimed.map(({ input }) => input)).toEqual(inputs);
});

test("an input that the plan does not allow is recorded without an execution, beside others that are accepted; so is its repeat", async () => {
  const workflow = await seedWorkflow(owner, GRAPH, await addPlan(owner, { executionsPerMonth: 10, concurrencyMax: 1 }));
  await owner.query("UPDATE plans SET payload_bytes_max = 40000 WHERE id = (SELECT plan_id FROM tenants WHERE id = $1)", [workflow.tenantId]);
  const inputs = [{ text: "x".repeat(50_000) }, { text: "x".repeat(39_000) }, { text: "small" }];
  const items = inputs.map((input) => occurrenceOf(workflow, input));
  expect((await intake(app, items)).map(({ outcome }) => outcome)).toEqual(["tooLarge", "accepted", "accepted"]);
  expect((await intake(app, items)).map(({ outcome }) => outcome)).toEqual(["tooLarge", "accepted", "accepted"]);
  const { rows } = await owner.query("SELECT reason, execution_id IS NULL AS none FROM occurrences WHERE tenant_id = $1 ORDER BY reason", [workflow.tenantId]);
  expect(rows).toEqual([{ reason: "ACCEPTED", none: false }, { reason: "ACCEPTED", none: false }, { reason: "PAYLOAD_TOO_LARGE", none: true }]);
});
