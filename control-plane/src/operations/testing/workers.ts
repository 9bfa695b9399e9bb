import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { OperationWorker, type OperationWork, type OperationWorkerOptions } from "../operation-worker.ts";

/** A worker as the relay has one, which tells nobody of cancels. */
export function workerOf(work: OperationWork, system: OperationWorkerOptions["system"], rest: Partial<OperationWorkerOptions> = {}): OperationWorker {
  const logger = createLogger({ service: "test", level: "silent" });
  return new OperationWorker(work, { system, owner: "test", clock: systemClock, logger, metrics: createMetrics(createRegistry()), publishCancel: () => Promise.resolve(), ...rest });
}
