import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { ScheduleTriggerParams } from "./definition.ts";

/** The instant was recorded with the occurrence; it becomes the output. */
export const executeScheduleTrigger: NodeExecutor<ScheduleTriggerParams> = (_params, context) => ({ kind: "done", output: context.trigger });
