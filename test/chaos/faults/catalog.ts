import { clockFaults } from "./clock.ts";
import { controlPlaneFaults } from "./control-plane.ts";
import { dispatcherFaults } from "./dispatchers.ts";
import type { Fault } from "./fault.ts";
import { inngestFaults } from "./inngest.ts";
import { mailboxFaults } from "./mailboxes.ts";
import { parkingFaults } from "./parking.ts";
import { storeFaults } from "./stores.ts";
import { workerFaults } from "./workers.ts";

const all: readonly Fault[] = [...workerFaults, ...controlPlaneFaults, ...parkingFaults, ...dispatcherFaults, ...mailboxFaults, ...clockFaults, ...storeFaults, ...inngestFaults];

/** Every fault, in the order in which a run goes through them: lane by lane, because a change of the lane restarts processes. */
export const FAULTS: readonly Fault[] = [...all.filter(({ lane }) => lane === "fast"), ...all.filter(({ lane }) => lane === "durable")];
