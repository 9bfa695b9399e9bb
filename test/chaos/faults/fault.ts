import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import type { Client } from "../../support/client.ts";
import type { History } from "../history.ts";
import type { Provider } from "../provider.ts";
import type { SeededRandom } from "../random.ts";
import type { ChaosSystem, Instance, Lane } from "../system.ts";
import type { Target } from "../workload.ts";

/** What a fault may touch. */
export interface FaultContext {
  readonly system: ChaosSystem;
  readonly provider: Provider;
  readonly random: SeededRandom;
  readonly history: History;
  /** The owner's connections, past the gate. */
  readonly db: pg.Pool;
  /** How long a part stays away in the faults that are about its absence. */
  readonly absenceMs: number;
  /** Says that the faulted part is back. The last word counts; without one, the end of the fault is it. */
  back(): void;
}

/** A way in which a part breaks, under load. */
export interface Fault {
  readonly name: string;
  /** What is broken and how, in one sentence. */
  readonly description: string;
  /** How executions start while it happens. */
  readonly lane: Lane;
  /** Tenants of its own, which get the deliveries instead of the run's. */
  readonly targets?: (context: FaultContext, client: Client) => Promise<readonly Target[]>;
  /** Before the load begins. */
  readonly prepare?: (context: FaultContext) => Promise<void>;
  /** Breaks the part and brings it back, while deliveries arrive. @throws Error when it could not do what its description says */
  readonly run: (context: FaultContext) => Promise<void>;
  /** After everything ended, what only this fault can judge. @throws Error that says what does not hold */
  readonly judge?: (context: FaultContext) => Promise<void>;
  /** After everything was checked. */
  readonly restore?: (context: FaultContext) => Promise<void>;
}

const OWNER_WITHIN_MS = 5_000;

/** Which worker runs an execution now, by its lease. @throws Error when none does */
export async function ownerOf({ db, system }: FaultContext, executionId: string): Promise<Instance> {
  for (const deadline = Date.now() + OWNER_WITHIN_MS; Date.now() < deadline; await sleep(10)) {
    const { rows } = await db.query<{ lease_owner: string | null }>("SELECT lease_owner FROM executions WHERE id = $1", [executionId]);
    const worker = system.workerOf(Number(rows[0]?.lease_owner?.split(":").at(-2)));
    if (worker !== undefined) return worker;
  }
  throw new Error(`No worker of this run holds ${executionId}.`);
}

/** Whether the record of a node is committed, and how its execution stands. */
export async function recordOf(db: pg.Pool, executionId: string, node: string): Promise<{ readonly isRecorded: boolean; readonly status: string; readonly epoch: number }> {
  const { rows } = await db.query<{ is_recorded: boolean; status: string; lease_epoch: number }>(
    `SELECT EXISTS (SELECT FROM node_executions n WHERE n.execution_id = e.id AND n.node_id = $2 AND n.status = 'SUCCESS') AS is_recorded, e.status, e.lease_epoch
     FROM executions e WHERE e.id = $1`,
    [executionId, node],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`There is no execution ${executionId}.`);
  return { isRecorded: row.is_recorded, status: row.status, epoch: row.lease_epoch };
}
