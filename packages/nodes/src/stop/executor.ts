import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { StopParams } from "./definition.ts";

/** Never returns. @throws NodeError DATA, STOPPED_BY_WORKFLOW always */
export const executeStop: NodeExecutor<StopParams> = ({ message, code }) => {
  throw new NodeError(code === undefined ? message : `[${code}] ${message}`, { errorClass: "DATA", code: "STOPPED_BY_WORKFLOW" });
};
