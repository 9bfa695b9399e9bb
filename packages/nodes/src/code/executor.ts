import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { CodeParams } from "./definition.ts";
import { CODE_LIMITS } from "./limits.ts";

/** Runs the source in the sandbox. @throws NodeError as the sandbox does */
export const executeCode: NodeExecutor<CodeParams> = async ({ source, input, timeoutMs }, { sandbox, tenantId, signal }) => {
  const { output, logs } = await sandbox.run({ tenantId, language: "javascript", source, input, timeoutMs, ...CODE_LIMITS, signal });
  return { kind: "done", output: { result: output, logs: [...logs] } };
};
