import { ClaimLoop } from "../claim-loop.ts";
import type { Dispatcher, DispatcherParts } from "../dispatcher.ts";
import { dispatchSchedules } from "./dispatch-schedules.ts";

/** Batches under way at one time: while one is committed, the next is claimed and decided. */
const BATCHES_AT_ONE_TIME = 3;

/** The dispatcher of schedules: claims what is due and commits it. */
export function composeSchedules({ config, owner, app, system, clock, ids, logger }: DispatcherParts): Promise<Dispatcher> {
  return Promise.resolve(
    new ClaimLoop({
      kind: "schedule",
      owner,
      system,
      clock,
      logger,
      leaseMs: config.DISPATCHER_LEASE_MS,
      batch: config.DISPATCHER_BATCH,
      atOneTime: BATCHES_AT_ONE_TIME,
      dispatch: (claimed) => dispatchSchedules(claimed, { owner, app, system, ids, logger }),
    }),
  );
}
