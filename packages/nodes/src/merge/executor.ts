import type { Json } from "@fluxo/core/json";
import type { NodeExecutor, NodeInput } from "@fluxo/core/node/executor";
import { combineByKey, combineByPosition, combined, listOf, objectOf } from "./combine.ts";
import type { MergeParams } from "./definition.ts";

/** Joins the outputs of the taken branches in plan order. @throws NodeError DATA, PARAMS_INVALID for outputs that the mode cannot take */
export const executeMerge: NodeExecutor<MergeParams> = (params, context) => ({ kind: "done", output: joined(params, oncePerNode(context.inputs)) });

function joined({ mode, list, field = "", join }: MergeParams, inputs: readonly NodeInput[]): Json {
  switch (mode) {
    case "waitAll":
      return { inputs: Object.fromEntries(inputs.map(({ nodeId, output }) => [nodeId, output])) };
    case "first":
      return { nodeId: inputs[0]?.nodeId ?? null, output: inputs[0]?.output ?? null };
    case "append":
      return inputs.flatMap(({ output }) => output);
    case "combine":
      return combined(inputs.map(({ nodeId, output }) => objectOf(output, `the output of "${nodeId}"`)));
    case "combineByPosition":
      return combineByPosition(inputs.map((input) => listOf(input, list)), join);
    case "combineByKey":
      return combineByKey(inputs.map((input) => listOf(input, list)), field, join);
    default:
      return mode satisfies never;
  }
}

/** A node has one output, whichever of its ports lead in. */
function oncePerNode(inputs: readonly NodeInput[]): NodeInput[] {
  const seen = new Set<string>();
  return inputs.filter(({ nodeId }) => {
    const isFirst = !seen.has(nodeId);
    seen.add(nodeId);
    return isFirst;
  });
}
