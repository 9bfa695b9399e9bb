import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { FileTriggerParams } from "./definition.ts";

/** The change was recorded with the occurrence; it becomes the output. */
export const executeFileTrigger: NodeExecutor<FileTriggerParams> = (_params, context) => ({ kind: "done", output: context.trigger });
