import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { itemsSchema } from "../paths/items.ts";
import { pathSchema } from "../paths/path.ts";
import { jsonObjectSchema, jsonValueSchema } from "../schemas/json.ts";

const OPERATIONS = ["count", "sum", "min", "max", "average", "distinct", "collect"] as const;

const fieldSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, "must start with a letter and hold letters, digits, '_' or '-' (64 at most)")
      .refine((name) => !DANGEROUS_KEYS.has(name), "must be another name: this one is reserved")
      .describe("Names the result."),
    operation: z.enum(OPERATIONS).describe("What is made of the values."),
    path: pathSchema.optional().describe("Leads to the value inside of each element. Absent: the element itself."),
  })
  .describe("One result.");

export type AggregateField = z.output<typeof fieldSchema>;

const paramsSchema = z.strictObject({
  items: itemsSchema,
  fields: z
    .array(fieldSchema)
    .min(1)
    .max(20)
    .superRefine((fields, context) => {
      for (const [index, { name }] of fields.entries()) {
        if (fields.findIndex((other) => other.name === name) !== index) {
          context.addIssue({ code: "custom", path: [index, "name"], message: "must differ from the names of the other fields" });
        }
      }
    })
    .describe("The results."),
  groupBy: z.array(pathSchema).max(3).default([]).describe("Paths of the values that make a group. Empty: no groups."),
});

export type AggregateParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  count: z.int().min(0).describe("How many elements the list has."),
  values: jsonObjectSchema.describe("The results over the whole list, by name."),
  groups: z
    .array(
      z.strictObject({
        key: z.array(jsonValueSchema).describe("The values of the group, in the order of `groupBy`; null where an element has none."),
        count: z.int().min(1),
        values: jsonObjectSchema,
      }),
    )
    .describe("The results of each group, in the order in which the groups first appear."),
});

export const aggregate = defineNode({
  type: "aggregate",
  kind: "data",
  title: "Aggregate",
  docs: `Makes figures of a list, over all of it and for each group of \`groupBy\`. Elements without the value, or with null, are left out.

| operation | result | of an empty list |
|---|---|---|
| \`count\` | how many values there are | 0 |
| \`sum\` | their sum, added digit by digit: 0.1 + 0.2 is 0.3 | 0 |
| \`average\` | their sum divided by their number | null |
| \`min\`, \`max\` | the smallest, the largest | null |
| \`distinct\` | the different values, in the order in which they first appear | [] |
| \`collect\` | all values, in order | [] |

\`sum\`, \`average\`, \`min\` and \`max\` take numbers, and texts that are one as JSON writes it. Any other value fails the node, and the message names its place; so does a sum that is
too large for a number.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Count and sum", params: { items: [12, 7.5, 30], fields: [{ name: "orders", operation: "count" }, { name: "total", operation: "sum" }] } },
    {
      title: "Revenue by country",
      params: {
        items: [
          { country: "DE", total: 19.9 },
          { country: "AT", total: 5 },
          { country: "DE", total: 0.1 },
        ],
        groupBy: ["country"],
        fields: [
          { name: "revenue", operation: "sum", path: "total" },
          { name: "largest", operation: "max", path: "total" },
        ],
      },
    },
  ],
});
