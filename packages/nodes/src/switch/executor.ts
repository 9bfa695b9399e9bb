import type { NodeExecutor } from "@fluxo/core/node/executor";
import { areEqual, evaluateConditions } from "../conditions/evaluate.ts";
import { casePort, DEFAULT_PORT, type SwitchParams } from "./definition.ts";

/** Takes the ports of the cases that hold. */
export const executeSwitch: NodeExecutor<SwitchParams> = ({ value, cases, mode, fallback }) => {
  const held = cases.filter((candidate) => {
    if (candidate.conditions !== undefined) {
      return evaluateConditions(candidate.conditions, candidate.match).result;
    }
    return value !== undefined && candidate.equals !== undefined && areEqual(value, candidate.equals, true);
  });
  const matched = (mode === "first" ? held.slice(0, 1) : held).map(({ name }) => name);
  const isFallback = matched.length === 0 && fallback;
  return { kind: "done", output: { matched, isFallback }, ports: isFallback ? [DEFAULT_PORT] : matched.map(casePort) };
};
