import { setTimeout as sleep } from "node:timers/promises";
import { WORKERS } from "../system.ts";
import { ownerOf, recordOf, type Fault, type FaultContext } from "./fault.ts";

const KILLS = 3;
const PAUSES = 3;
const PAUSED_LEASE_MS = 3_000;
const TAKEOVER_WITHIN_MS = 20_000;

/** Kills the worker that called `node` while the call is under way, says whether `act` was recorded then, and starts the worker again. */
async function killDuring(context: FaultContext, node: string, isAnswered: boolean): Promise<boolean> {
  const { system, provider, random, history, db } = context;
  const caught = await provider.catchCall(node);
  const worker = await ownerOf(context, caught.executionId);
  if (isAnswered) {
    // The answer is on its way: the record of the call is next.
    await caught.release();
    if (random.next() < 0.5) await sleep(random.between(0, 3));
  }
  await system.kill(worker);
  await caught.release();
  const { isRecorded, status } = await recordOf(db, caught.executionId, "act");
  history.add({ op: "checked", executionId: caught.executionId, isActRecorded: isRecorded, status });
  await sleep(random.between(200, 800));
  await system.start(worker);
  context.back();
  return isRecorded && status === "RUNNING";
}

/** What a worker holds now. */
async function heldBy({ db }: FaultContext, pid: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>("SELECT id FROM executions WHERE status = 'RUNNING' AND lease_owner LIKE '%:' || $1 || ':%'", [pid]);
  return rows.map(({ id }) => id);
}

/** Stops a worker until everything that it held then has ended by another one, and lets it go on: what it writes late must be refused. */
async function pauseWorker(context: FaultContext, isAnywhere: boolean): Promise<void> {
  const { system, provider, random, history, db } = context;
  const caught = await provider.catchCall("act");
  const worker = await ownerOf(context, caught.executionId);
  if (isAnywhere) {
    await caught.release();
    await sleep(random.between(0, 40));
  }
  system.signal(worker, "SIGSTOP");
  const held = await heldBy(context, system.pid(worker));
  try {
    void caught.release();
    const open = new Set(held);
    for (const deadline = Date.now() + TAKEOVER_WITHIN_MS; open.size > 0 && Date.now() < deadline; await sleep(50)) {
      const { rows } = await db.query<{ id: string }>("SELECT id FROM executions WHERE id = ANY ($1) AND completed_at IS NOT NULL", [[...open]]);
      for (const { id } of rows) open.delete(id);
    }
    history.add({ op: "checked", worker, held, open: [...open] });
    if (held.length === 0 && !isAnywhere) throw new Error("The paused worker held nothing.");
    if (open.size > 0) throw new Error(`What the paused worker held was not ended by another one: ${[...open].join(", ")}.`);
  } finally {
    system.signal(worker, "SIGCONT");
    context.back();
  }
}

/** Workers that die around a side effect, are paused past their lease, or are all gone. */
export const workerFaults: readonly Fault[] = [
  {
    name: "worker-killed-before-record",
    lane: "fast",
    description: "SIGKILL of the worker that acts, three times: twice while the provider works, once when its answer has just left",
    run: async (context) => {
      const recorded = [];
      for (let kill = 0; kill < KILLS; kill += 1) recorded.push(await killDuring(context, "act", kill === KILLS - 1));
      if (recorded.every(Boolean)) throw new Error("No kill came before the record of the side effect.");
    },
  },
  {
    name: "worker-killed-after-record",
    lane: "fast",
    description: "SIGKILL of the worker that acts, three times, when the side effect is recorded and a later node of the same execution is under way",
    run: async (context) => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        if (!(await killDuring(context, "tell", false))) throw new Error("The kill did not come after the record of the side effect.");
      }
    },
  },
  {
    name: "worker-paused-past-lease",
    lane: "fast",
    description: `SIGSTOP of a worker past its lease of ${PAUSED_LEASE_MS} ms, three times, until another one has taken over and ended what it did, then SIGCONT: once during a side effect, twice at any instant`,
    prepare: ({ system }) => system.restartWorkers({ WORKER_LEASE_MS: String(PAUSED_LEASE_MS) }),
    run: async (context) => {
      for (let pause = 0; pause < PAUSES; pause += 1) await pauseWorker(context, pause > 0);
    },
    restore: ({ system }) => system.restartWorkers({}),
  },
  {
    name: "no-worker",
    lane: "durable",
    description: "no worker at all for a minute: one killed, one stopped",
    run: async ({ system, absenceMs }) => {
      await Promise.all([system.kill("worker-1"), system.kill("worker-2", "SIGTERM")]);
      await sleep(absenceMs);
      await Promise.all(WORKERS.map((worker) => system.start(worker)));
    },
  },
];
