import { createHook, trackStatements, type Bench } from "../environment.ts";
import { runOne } from "../events.ts";
import { BURST_EVENTS, createBurstHooks, fluxoBurst } from "./burst.ts";
import { chainOf } from "./graphs.ts";
import type { Scenario } from "./scenario.ts";

const NODES = 5;
const SINGLE_EVENTS = 20;
/** Claim, settle, and one that a version needs when it is first seen; and one for each ready set. */
const SINGLE_BOUND = 3 + NODES;

/** What the other services send, by commit or by the clock; everything else of the two service roles is the worker's. */
const OF_OTHERS = String.raw`fluxo_(intake|resolve|relay|sweep|forget|drain|usage|operation|bulk|backfill|off_boarding|archive|erase|dispatch|trigger|schedule|mark_silent|failing|note)|trigger_states|^LISTEN|^SELECT 1$|^SELECT \$1$`;
const TRANSACTION_CONTROL = "^(BEGIN|COMMIT|ROLLBACK|START TRANSACTION|SET|RESET|DISCARD)";

/** Statements that the worker sent while `work` ran. */
async function countStatements(bench: Bench, work: () => Promise<unknown>): Promise<number> {
  const { client } = bench;
  await trackStatements(client, "top");
  await client.sql("SELECT pg_stat_statements_reset()");
  await work();
  const [row] = await client.sql<{ calls: number }>(
    `SELECT coalesce(sum(s.calls), 0)::int AS calls FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
     WHERE r.rolname IN ('fluxo_app', 'fluxo_system') AND s.query !~ $1 AND s.query !~* $2`,
    [OF_OTHERS, TRANSACTION_CONTROL],
  );
  await trackStatements(client, "none");
  return row?.calls ?? Number.NaN;
}

/** Statements of the worker per execution, transaction control apart, as PostgreSQL counted them. */
export const statements: Scenario = {
  name: "statements",
  title: "Worker statements per execution",
  run: async (bench, rounds) => {
    const hook = await createHook(bench, chainOf(NODES));
    const hooks = await createBurstHooks(bench);
    await runOne(bench, hook);
    await fluxoBurst(bench, hooks);
    const single: number[] = [];
    const burst: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const singles = await countStatements(bench, async () => {
        for (let index = 0; index < SINGLE_EVENTS; index += 1) await runOne(bench, hook);
      });
      single.push(singles / SINGLE_EVENTS);
      burst.push((await countStatements(bench, () => fluxoBurst(bench, hooks))) / BURST_EVENTS);
    }
    return [
      { name: `worker statements per execution of ${NODES} nodes, one at a time`, unit: "statements", values: single, goal: { of: "value", is: "<=", bound: SINGLE_BOUND } },
      { name: "worker statements per execution under burst", unit: "statements", values: burst, goal: { of: "value", is: "<=", bound: 0.5 } },
    ];
  },
};
