import { claimTriggers } from "@fluxo/prisma/dispatch/claim";
import { createPool } from "@fluxo/prisma/database/pool";
import type { Measured } from "../report.ts";
import { median } from "../statistics.ts";
import { seedTriggers } from "./seed.ts";
import type { DispatchStage } from "./stage.ts";

const FEW = 1_000;
const MANY = 1_000_000;
const DUE = 1_000;
const BATCH = 500;
const CLAIMS_PER_ROUND = 10;

/** What a claim costs per row while few and while many triggers are armed; as many are due. */
export async function measureClaims(stage: DispatchStage, rounds: number): Promise<Measured[]> {
  const { owner, print } = stage;
  for (const [kind, count] of [["bench-few", FEW], ["bench-many", MANY]] as const) {
    print(`  writing ${count} triggers`);
    await seedTriggers(owner, kind, count);
  }
  const values: { few: number[]; many: number[] } = { few: [], many: [] };
  await costPerRow(stage, "bench-few");
  await costPerRow(stage, "bench-many");
  for (let round = 0; round < rounds; round += 1) {
    values.few.push(await costPerRow(stage, "bench-few"));
    values.many.push(await costPerRow(stage, "bench-many"));
  }
  return [{ name: `claim per trigger, ${MANY} armed beside ${FEW} armed`, unit: "µs", values: values.many, baselines: values.few, goal: { of: "ratio", is: "<=", bound: 1.2 } }];
}

/** Microseconds per claimed row, median of several claims of a full batch. */
async function costPerRow({ owner, systemUrl }: DispatchStage, kind: string): Promise<number> {
  const system = createPool({ connectionString: systemUrl, applicationName: "bench", max: 1, role: "fluxo_system" });
  const costs: number[] = [];
  try {
    while (costs.length < CLAIMS_PER_ROUND) {
      await owner.query(
        `UPDATE trigger_states s SET lease_owner = NULL, lease_until = NULL, next_due_at = clock_timestamp(), claimable_at = clock_timestamp()
         FROM (SELECT tenant_id, id FROM triggers WHERE kind = $1 ORDER BY id LIMIT ${DUE}) t WHERE s.tenant_id = t.tenant_id AND s.trigger_id = t.id`,
        [kind],
      );
      for (let taken = 0; taken < DUE; taken += BATCH) {
        const begun = performance.now();
        const { length } = await claimTriggers(system, { kind, owner: "bench", leaseMs: 3_600_000, limit: BATCH });
        if (length !== BATCH) throw new Error(`A claim took ${length} rows.`);
        costs.push(((performance.now() - begun) * 1_000) / length);
      }
    }
  } finally {
    await system.end();
  }
  return median(costs);
}
