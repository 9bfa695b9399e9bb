import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { RssTriggerParams } from "./definition.ts";

/** The item was recorded with the occurrence; it becomes the output. */
export const executeRssTrigger: NodeExecutor<RssTriggerParams> = (_params, context) => ({ kind: "done", output: context.trigger });
