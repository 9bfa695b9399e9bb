import { addTenant, addWorkflow, queueExecutions, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import { useTestDatabase } from "@fluxo/prisma/testing/test-database";
import { beforeAll, expect, test } from "vitest";
import { createEngine } from "./testing/pod.ts";

const pools = await useTestDatabase();
const { owner, app } = pools;

const CHAIN = {
  nodes: [{ id: "start", type: "trigger.manual" }, { id: "a", type: "set", params: { fields: { a: "{{ trigger.n }}" } } }, { id: "b", type: "set", alias: "last", params: { fields: { b: "{{ a.a }}" } } }],
  edges: [{ from: "start", to: "a" }, { from: "a", to: "b" }],
};

/** Values that the journal, or the record of an execution, does not take: what no statement of ours can foresee. */
const UNWRITABLE = { record: "no journal takes this", settlement: "no execution ends with this" } as const;

beforeAll(async () => {
  await owner.query(
    `CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.output @> TG_ARGV[0]::jsonb THEN RAISE check_violation USING MESSAGE = 'poison'; END IF; RETURN NEW; END $$;
     CREATE TRIGGER refuse_poison BEFORE INSERT OR UPDATE ON node_executions FOR EACH ROW EXECUTE FUNCTION refuse_poison('${JSON.stringify({ a: UNWRITABLE.record })}');
     CREATE TRIGGER refuse_poison BEFORE UPDATE ON executions FOR EACH ROW EXECUTE FUNCTION refuse_poison('${JSON.stringify({ results: { last: { b: UNWRITABLE.settlement } } })}')`,
  );
});

async function outcomes(ids: readonly string[]): Promise<{ readonly status: string; readonly error_code: string | null; readonly lease_epoch: number }[]> {
  const { rows } = await owner.query("SELECT status, error_code, lease_epoch FROM unnest($1::uuid[]) WITH ORDINALITY AS given(id, place) JOIN executions e USING (id) ORDER BY place", [ids]);
  return rows;
}

/** Nothing is left of a batch but its records: every slot and every reservation is given back. */
async function expectAtRest({ tenantId }: Pick<SeededWorkflow, "tenantId">): Promise<void> {
  const { rows } = await owner.query("SELECT (SELECT used FROM concurrency_slots WHERE tenant_id = $1) AS slots, (SELECT count(*)::int FROM reservations WHERE tenant_id = $1) AS reservations", [tenantId]);
  expect(rows).toEqual([{ slots: 0, reservations: 0 }]);
}

test.each(Object.entries(UNWRITABLE))("an execution whose %s cannot be written fails alone: all others of its batch succeed, each at its first start", async (_, poison) => {
  const workflow = await addWorkflow(owner, (await addTenant(owner)).tenantId, CHAIN);
  const ids = await queueExecutions(app, workflow, Array.from({ length: 20 }, (_empty, n) => ({ n: n === 7 ? poison : n })));
  expect(await createEngine(pools, "one").claimAndRun(workflow.tenantId, ids)).toMatchObject({ claimed: 20 });
  expect(await outcomes(ids)).toEqual(ids.map((_id, n) => (n === 7 ? { status: "FAILED", error_code: "NODE_INTERNAL", lease_epoch: 1 } : { status: "SUCCESS", error_code: null, lease_epoch: 1 })));
  await expectAtRest(workflow);
});

test("an execution whose graph this worker cannot read fails alone, also beside others of the same call", async () => {
  const { tenantId } = await addTenant(owner);
  const [good, bad] = [await addWorkflow(owner, tenantId, CHAIN), await addWorkflow(owner, tenantId, CHAIN)];
  // As a later version of Fluxo may publish it.
  await owner.query("ALTER TABLE workflow_versions DISABLE TRIGGER USER");
  await owner.query(`UPDATE workflow_versions SET graph = jsonb_set(graph, '{nodes,1,invention}', 'true') WHERE id = $1`, [bad.versionId]);
  await owner.query("ALTER TABLE workflow_versions ENABLE TRIGGER USER");
  const [before = "", after = ""] = await queueExecutions(app, good, [{ n: 1 }, { n: 2 }]);
  const [unreadable = ""] = await queueExecutions(app, bad, [{ n: 3 }]);
  expect(await createEngine(pools, "one").claimAndRun(tenantId, [before, unreadable, after])).toMatchObject({ claimed: 3 });
  expect((await outcomes([before, unreadable, after])).map(({ status, error_code }) => [status, error_code])).toEqual([["SUCCESS", null], ["FAILED", "EXECUTION_UNREADABLE"], ["SUCCESS", null]]);
  await expectAtRest({ tenantId });
});
