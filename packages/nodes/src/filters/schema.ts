import { z } from "zod";
import { BINARY_OPERATORS, matchSchema, UNARY_OPERATORS } from "../conditions/schema.ts";
import { pathSchema } from "../paths/path.ts";
import { jsonValueSchema } from "../schemas/json.ts";

const unary: ReadonlySet<string> = new Set(UNARY_OPERATORS);

const filterConditionSchema = z
  .strictObject({
    path: pathSchema.describe("Where the value is in what the trigger saw, such as `body.kind`."),
    operator: z.enum([...BINARY_OPERATORS, ...UNARY_OPERATORS]).describe("How it is looked at."),
    right: jsonValueSchema.optional().describe("What it is compared with. Needed by operators that compare, ignored by the others."),
    caseSensitive: z.boolean().default(true).describe("Whether upper and lower case differ when texts are compared."),
  })
  .superRefine(({ operator, right }, context) => {
    if (right === undefined && !unary.has(operator)) {
      context.addIssue({ code: "custom", path: ["right"], message: `must be there, because ${operator} compares with it` });
    }
  });

/**
 * The parameter `filter` of trigger nodes. It is looked at before intake: what does not match is an occurrence FILTERED, which makes no execution
 * and uses no quota.
 */
export const triggerFilterSchema = z
  .strictObject({ match: matchSchema, conditions: z.array(filterConditionSchema).min(1).max(20).describe("What is looked at.") })
  .describe("What the trigger must have seen to start an execution. What does not match uses no quota. Without it, everything matches.");

export type TriggerFilter = z.output<typeof triggerFilterSchema>;
export type FilterCondition = TriggerFilter["conditions"][number];
