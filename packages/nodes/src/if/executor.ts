import type { NodeExecutor } from "@fluxo/core/node/executor";
import { evaluateConditions } from "../conditions/evaluate.ts";
import type { IfParams } from "./definition.ts";

/** Takes the port that the conditions decide on. */
export const executeIf: NodeExecutor<IfParams> = ({ conditions, match }) => {
  const output = evaluateConditions(conditions, match);
  return { kind: "done", output, ports: [output.result ? "true" : "false"] };
};
