import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { ManualTriggerParams } from "./definition.ts";

/** The input was recorded with the start; it becomes the output. */
export const executeManualTrigger: NodeExecutor<ManualTriggerParams> = (_params, context) => ({ kind: "done", output: context.trigger });
