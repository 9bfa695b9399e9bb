import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { WorkflowTriggerParams } from "./definition.ts";

/** The input was recorded with the call; it becomes the output. */
export const executeWorkflowTrigger: NodeExecutor<WorkflowTriggerParams> = (_params, context) => ({ kind: "done", output: context.trigger });
