import type { NodeExecutor } from "@fluxo/core/node/executor";
import { CODE_LIMITS } from "../code/limits.ts";
import type { TransformParams } from "./definition.ts";

/** Evaluates the expression in the sandbox. @throws NodeError as the sandbox does */
export const executeTransform: NodeExecutor<TransformParams> = async ({ expression, input, timeoutMs }, { sandbox, tenantId, signal }) => {
  const { output } = await sandbox.run({ tenantId, language: "jsonata", source: expression, input, timeoutMs, ...CODE_LIMITS, signal });
  return { kind: "done", output };
};
