import { canonicalJson } from "@fluxo/core/canonical-json";
import { compareText } from "@fluxo/core/collections";
import type { Json } from "@fluxo/core/json";
import type { Condition, Match } from "./schema.ts";

/** A number as JSON writes it. */
const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Longer texts are no number that fits in a double exactly. */
const MAX_NUMBER_LENGTH = 64;

/** Which conditions hold, and whether they do together. Never throws; looks at every condition, so that a journal can tell which one decided. */
export function evaluateConditions(conditions: readonly Condition[], match: Match): { readonly result: boolean; readonly conditions: boolean[] } {
  const held = conditions.map(holds);
  return { result: match === "all" ? held.every(Boolean) : held.some(Boolean), conditions: held };
}

/** Whether one condition holds. Never throws. An absent `right`, which the schema refuses where it is needed, counts as null. */
export function holds({ left, operator, right = null, caseSensitive }: Condition): boolean {
  switch (operator) {
    case "equals":
      return areEqual(left, right, caseSensitive);
    case "notEquals":
      return !areEqual(left, right, caseSensitive);
    case "greaterThan":
      return isOrdered(left, right, caseSensitive, (order) => order > 0);
    case "greaterOrEqual":
      return isOrdered(left, right, caseSensitive, (order) => order >= 0);
    case "lessThan":
      return isOrdered(left, right, caseSensitive, (order) => order < 0);
    case "lessOrEqual":
      return isOrdered(left, right, caseSensitive, (order) => order <= 0);
    case "contains":
      return contains(left, right, caseSensitive);
    case "notContains":
      return !contains(left, right, caseSensitive);
    case "startsWith":
      return areTexts(left, right, caseSensitive, (text, part) => text.startsWith(part));
    case "endsWith":
      return areTexts(left, right, caseSensitive, (text, part) => text.endsWith(part));
    case "isEmpty":
      return isEmpty(left);
    case "isNotEmpty":
      return !isEmpty(left);
    case "isTrue":
      return left === true;
    case "isFalse":
      return left === false;
    case "exists":
      return left !== null;
    case "notExists":
      return left === null;
    default:
      return operator satisfies never;
  }
}

/** Equality as the operator `equals` has it. Never throws. */
export function areEqual(left: Json, right: Json, caseSensitive: boolean): boolean {
  if (typeof left === "string" && typeof right === "string") {
    return folded(left, caseSensitive) === folded(right, caseSensitive);
  }
  const numbers = asNumbers(left, right);
  if (numbers !== undefined) {
    return numbers.left === numbers.right;
  }
  return typeof left === typeof right && canonicalJson(left) === canonicalJson(right);
}

function isOrdered(left: Json, right: Json, caseSensitive: boolean, accepts: (order: number) => boolean): boolean {
  if (typeof left === "string" && typeof right === "string") {
    return accepts(compareText(folded(left, caseSensitive), folded(right, caseSensitive)));
  }
  const numbers = asNumbers(left, right);
  return numbers !== undefined && accepts(numbers.left - numbers.right);
}

function contains(left: Json, right: Json, caseSensitive: boolean): boolean {
  return Array.isArray(left) ? left.some((item) => areEqual(item, right, caseSensitive)) : areTexts(left, right, caseSensitive, (text, part) => text.includes(part));
}

function areTexts(left: Json, right: Json, caseSensitive: boolean, accepts: (text: string, part: string) => boolean): boolean {
  return typeof left === "string" && typeof right === "string" && accepts(folded(left, caseSensitive), folded(right, caseSensitive));
}

function isEmpty(value: Json): boolean {
  if (typeof value === "object" && value !== null) {
    return Object.keys(value).length === 0;
  }
  return value === null || value === "";
}

function folded(text: string, caseSensitive: boolean): string {
  return caseSensitive ? text : text.toLowerCase();
}

/** Both sides as numbers, where at least one is a number and the other one reads as one. */
function asNumbers(left: Json, right: Json): { readonly left: number; readonly right: number } | undefined {
  if (typeof left !== "number" && typeof right !== "number") {
    return undefined;
  }
  const [leftNumber, rightNumber] = [numberOf(left), numberOf(right)];
  return leftNumber === undefined || rightNumber === undefined ? undefined : { left: leftNumber, right: rightNumber };
}

function numberOf(value: Json): number | undefined {
  if (typeof value === "number") {
    return value;
  }
  if (typeof value !== "string" || value.length > MAX_NUMBER_LENGTH || !JSON_NUMBER.test(value)) {
    return undefined;
  }
  const parsed = Number(value);
  return Math.abs(parsed) <= Number.MAX_SAFE_INTEGER ? parsed : undefined;
}
