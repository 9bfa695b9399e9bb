import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeExecutor, NodeInput } from "@fluxo/core/node/executor";
import { dangerousKeysOf } from "../schemas/json.ts";
import type { MergeParams } from "./definition.ts";

/** Joins the outputs of the taken branches in plan order. @throws NodeError DATA, PARAMS_INVALID for outputs that `combine` cannot take */
export const executeMerge: NodeExecutor<MergeParams> = ({ mode }, context) => ({ kind: "done", output: joined(mode, oncePerNode(context.inputs)) });

function joined(mode: MergeParams["mode"], inputs: readonly NodeInput[]): Json {
  switch (mode) {
    case "waitAll":
      return { inputs: Object.fromEntries(inputs.map(({ nodeId, output }) => [nodeId, output])) };
    case "append":
      return inputs.flatMap(({ output }) => output);
    case "combine":
      return Object.fromEntries(inputs.flatMap((input) => Object.entries(combinable(input))));
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

function combinable({ nodeId, output }: NodeInput): JsonObject {
  if (typeof output !== "object" || output === null || Array.isArray(output)) {
    throw refused(`the output of "${nodeId}" is no object`);
  }
  const [dangerous] = dangerousKeysOf(output);
  if (dangerous !== undefined) {
    throw refused(`the output of "${nodeId}" has a member named ${dangerous}, which is reserved`);
  }
  return output;
}

function refused(reason: string): NodeError {
  return new NodeError(`The mode combine joins objects, but ${reason}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
}
