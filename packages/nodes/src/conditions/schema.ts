import { z } from "zod";
import { jsonValueSchema } from "../schemas/json.ts";

/** Operators that compare `left` with `right`. */
export const BINARY_OPERATORS = [
  "equals",
  "notEquals",
  "greaterThan",
  "greaterOrEqual",
  "lessThan",
  "lessOrEqual",
  "contains",
  "notContains",
  "startsWith",
  "endsWith",
] as const;

/** Operators that look at `left` alone. */
export const UNARY_OPERATORS = ["isEmpty", "isNotEmpty", "isTrue", "isFalse", "exists", "notExists"] as const;

const unary: ReadonlySet<string> = new Set(UNARY_OPERATORS);

/** One comparison. What the operators mean is written in CONDITION_DOCS. */
export const conditionSchema = z
  .strictObject({
    left: jsonValueSchema.describe("What is looked at."),
    operator: z.enum([...BINARY_OPERATORS, ...UNARY_OPERATORS]).describe("How it is looked at."),
    right: jsonValueSchema.optional().describe("What it is compared with. Needed by operators that compare, ignored by the others."),
    caseSensitive: z.boolean().default(true).describe("Whether upper and lower case differ when texts are compared."),
  })
  .superRefine(({ operator, right }, context) => {
    if (right === undefined && !unary.has(operator)) {
      context.addIssue({ code: "custom", path: ["right"], message: `must be there, because ${operator} compares with it` });
    }
  });

export const conditionsSchema = z.array(conditionSchema).min(1).max(20);

export const matchSchema = z.enum(["all", "any"]).default("all").describe("Whether all conditions must hold, or any of them.");

export type Condition = z.output<typeof conditionSchema>;
export type Match = z.output<typeof matchSchema>;

/** The meaning of the operators, for the docs of every node type that takes conditions. */
export const CONDITION_DOCS = `Comparisons are strict and never fail: what cannot be compared is simply not so.

| operator | holds when |
|---|---|
| \`equals\` | both are the same value; objects and arrays are compared in depth, the order of keys does not matter |
| \`greaterThan\`, \`greaterOrEqual\`, \`lessThan\`, \`lessOrEqual\` | both are numbers, in that order; or both are texts, in the order of their UTF-16 code units (right for ISO dates, not for numbers in texts) |
| \`contains\` | \`left\` is a text that holds the text \`right\`, or an array with an element that equals \`right\` |
| \`startsWith\`, \`endsWith\` | both are texts, and \`left\` begins or ends with \`right\` |
| \`isEmpty\` | \`left\` is null, an empty text, an empty array or an object without keys |
| \`isTrue\`, \`isFalse\` | \`left\` is that boolean; the texts "true" and "false" are not |
| \`exists\` | \`left\` is not null |
| \`notEquals\`, \`notContains\`, \`isNotEmpty\`, \`notExists\` | the operator without "not" does not hold |

- **Numbers in texts.** Where one side is a number and the other a text, \`equals\` and the ordering operators read the text as a number. It must be one as JSON
  writes it (\`12\`, \`-0.5\`, \`1e3\`; not \`012\`, \`1,5\` or \`" 1"\`) and within ±9007199254740991, else the comparison does not hold. Two texts are never read as
  numbers: use the filter \`number\` for that. Inside of arrays and objects nothing is converted.
- **Case.** \`caseSensitive: false\` compares texts in lower case. It does not reach into objects, nor into arrays that are compared as a whole.
- **Absent values.** A template that names a missing value fails the node. Give it a default: \`{{ trigger.body.email | default: null }}\`.`;
