import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { ErrorTriggerParams } from "./definition.ts";

/** What failed was recorded with the start; it becomes the output. */
export const executeErrorTrigger: NodeExecutor<ErrorTriggerParams> = (_params, context) => ({ kind: "done", output: context.trigger });
