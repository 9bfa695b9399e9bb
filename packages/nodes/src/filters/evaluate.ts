import type { Json, JsonObject } from "@fluxo/core/json";
import { kindOf } from "@fluxo/core/templates/values";
import { holds } from "../conditions/evaluate.ts";
import { numberOf } from "../paths/number.ts";
import { valueAt } from "../paths/path.ts";
import { triggerFilterSchema, type FilterCondition, type TriggerFilter } from "./schema.ts";

/**
 * Why a filter lets nothing start from a payload, in words that name paths and operators and never a value; undefined when it matches.
 * Never throws. A condition that cannot be evaluated, because of the types that it meets, does not hold.
 */
export function filterRefusal({ match, conditions }: TriggerFilter, payload: JsonObject): string | undefined {
  const failures = conditions.map((condition) => failureOf(condition, payload));
  const isMatch = match === "all" ? failures.every((failure) => failure === undefined) : failures.includes(undefined);
  return isMatch ? undefined : failures.filter((failure) => failure !== undefined).join(" ");
}

/** The filter in the stored parameters of any trigger. @throws ZodError when it cannot be read */
export function filterOf(config: Json): TriggerFilter | undefined {
  if (typeof config !== "object" || config === null || Array.isArray(config) || !Object.hasOwn(config, "filter")) return undefined;
  return triggerFilterSchema.optional().parse(config["filter"]);
}

function failureOf({ path, operator, right = null, caseSensitive }: FilterCondition, payload: JsonObject): string | undefined {
  const found = valueAt(payload, path);
  const left = found ?? null;
  if (left !== null && !isEvaluable(left, operator, right)) return `${path} is ${kindOf(left)}, which ${operator} cannot look at.`;
  if (holds({ left, operator, right, caseSensitive })) return undefined;
  return found === undefined ? `${path} is not there, so ${operator} does not hold.` : `${path}: ${operator} does not hold.`;
}

/** Whether an operator means something for two values. An absent value or null does for all of them: it is equal to nothing and contains nothing. */
function isEvaluable(left: Json, operator: FilterCondition["operator"], right: Json): boolean {
  switch (operator) {
    case "greaterThan":
    case "greaterOrEqual":
    case "lessThan":
    case "lessOrEqual":
      return (typeof left === "string" && typeof right === "string") || ((typeof left === "number" || typeof right === "number") && numberOf(left) !== undefined && numberOf(right) !== undefined);
    case "contains":
    case "notContains":
      return Array.isArray(left) || (typeof left === "string" && typeof right === "string");
    case "startsWith":
    case "endsWith":
      return typeof left === "string" && typeof right === "string";
    case "isTrue":
    case "isFalse":
      return typeof left === "boolean";
    case "equals":
    case "notEquals":
    case "isEmpty":
    case "isNotEmpty":
    case "exists":
    case "notExists":
      return true;
    default:
      return operator satisfies never;
  }
}
