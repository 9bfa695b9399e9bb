import type { NodeExecutor } from "@fluxo/core/node/executor";
import type { SubWorkflowParams } from "./definition.ts";

/** Says what is to be called; the engine calls it, under the node's key. */
export const executeSubWorkflow: NodeExecutor<SubWorkflowParams> = ({ workflowId, input, mode, onChildFailure }) => ({
  kind: "child",
  start: { workflowId, input, isAwaited: mode === "wait", toleratesFailure: onChildFailure === "continue" },
});
