import { controlPlaneFaults } from "./control-plane.ts";
import type { Fault } from "./fault.ts";
import { inngestFaults } from "./inngest.ts";
import { storeFaults } from "./stores.ts";
import { workerFaults } from "./workers.ts";

/** Every fault, in the order in which a run goes through them. */
export const FAULTS: readonly Fault[] = [...workerFaults, ...controlPlaneFaults, ...storeFaults, ...inngestFaults];
