import { setTimeout as sleep } from "node:timers/promises";
import { WORKERS } from "../system.ts";
import { ownerOf, recordOf, type Fault, type FaultContext } from "./fault.ts";

const KILLS = 3;
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

/** Workers that die around a side effect, are paused past their lease, or are all gone. */
export const workerFaults: readonly Fault[] = [
  {
    name: "worker-killed-before-record",
    description: "SIGKILL of the worker that acts, three times: twice while the provider works, once when its answer has just left",
    run: async (context) => {
      const recorded = [];
      for (let kill = 0; kill < KILLS; kill += 1) recorded.push(await killDuring(context, "act", kill === KILLS - 1));
      if (recorded.every(Boolean)) throw new Error("No kill came before the record of the side effect.");
    },
  },
  {
    name: "worker-killed-after-record",
    description: "SIGKILL of the worker that acts, three times, when the side effect is recorded and a later node of the same execution is under way",
    run: async (context) => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        if (!(await killDuring(context, "tell", false))) throw new Error("The kill did not come after the record of the side effect.");
      }
    },
  },
  {
    name: "worker-paused-past-lease",
    description: `SIGSTOP of a worker during a side effect until another one has taken over and ended the execution (leases of ${PAUSED_LEASE_MS} ms), then SIGCONT`,
    prepare: ({ system }) => system.restartWorkers({ WORKER_LEASE_MS: String(PAUSED_LEASE_MS) }),
    run: async (context) => {
      const { system, provider, history, db } = context;
      const caught = await provider.catchCall("act");
      const worker = await ownerOf(context, caught.executionId);
      const before = await recordOf(db, caught.executionId, "act");
      system.signal(worker, "SIGSTOP");
      try {
        void caught.release();
        const deadline = Date.now() + TAKEOVER_WITHIN_MS;
        let now = before;
        while (now.status !== "SUCCESS" && Date.now() < deadline) {
          await sleep(50);
          now = await recordOf(db, caught.executionId, "act");
        }
        history.add({ op: "checked", executionId: caught.executionId, before, now });
        if (now.status !== "SUCCESS" || now.epoch <= before.epoch) throw new Error(`${caught.executionId} was not taken over: it is ${now.status} with epoch ${now.epoch}.`);
      } finally {
        system.signal(worker, "SIGCONT");
        context.back();
      }
      await sleep(1_000);
      if (!system.logOf(worker).includes("lease lost")) throw new Error("The paused worker did not notice that it lost its lease.");
    },
    restore: ({ system }) => system.restartWorkers({}),
  },
  {
    name: "no-worker",
    description: "no worker at all for a minute: one killed, one stopped",
    run: async ({ system, absenceMs }) => {
      await Promise.all([system.kill("worker-1"), system.kill("worker-2", "SIGTERM")]);
      await sleep(absenceMs);
      await Promise.all(WORKERS.map((worker) => system.start(worker)));
    },
  },
];
