import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { SetParams } from "./definition.ts";

/** The fields are the output. */
export const executeSet: NodeExecutor<SetParams> = ({ fields }) => ({ kind: "done", output: fields });
