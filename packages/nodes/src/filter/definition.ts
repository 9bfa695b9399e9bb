import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { BINARY_OPERATORS, CONDITION_DOCS, conditionSchema, matchSchema, UNARY_OPERATORS } from "../conditions/schema.ts";
import { itemsSchema } from "../paths/items.ts";
import { pathSchema } from "../paths/path.ts";
import { jsonValueSchema } from "../schemas/json.ts";

const itemConditionSchema = z
  .strictObject({
    field: pathSchema.optional().describe("The place in the item that is looked at, such as `customer.country` or `lines.0.sku`; the item itself when absent. What is not there counts as null."),
    operator: z.enum([...BINARY_OPERATORS, ...UNARY_OPERATORS]).describe("How it is looked at."),
    right: jsonValueSchema.optional().describe("What it is compared with. Needed by operators that compare, ignored by the others."),
    caseSensitive: z.boolean().default(true).describe("Whether upper and lower case differ when texts are compared."),
  })
  .superRefine(({ field: _field, ...rest }, context) => {
    for (const { path, message } of conditionSchema.safeParse({ left: null, ...rest }).error?.issues ?? []) context.addIssue({ code: "custom", path: [...path], message });
  });

const paramsSchema = z.strictObject({
  items: itemsSchema,
  match: matchSchema,
  conditions: z.array(itemConditionSchema).min(1).max(20).describe("The comparisons that an item must pass to be kept."),
});

export type FilterParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  kept: z.array(jsonValueSchema).describe("The items that pass, in their order."),
  dropped: z.int().describe("How many others there were."),
});

export const filter = defineNode({
  type: "filter",
  kind: "flow",
  title: "Filter",
  docs: `Keeps the items of a list that pass its conditions. The conditions are those of the node type \`if\`, but for what they look at: instead of \`left\`, which would be filled
in once for all items, each names a \`field\` by its path inside of the item. \`right\` may come from a template.\n\n${CONDITION_DOCS}`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Paid orders", params: { items: [{ id: 1, status: "paid" }, { id: 2, status: "open" }], conditions: [{ field: "status", operator: "equals", right: "paid" }] } },
    {
      title: "Large ones, and all of one country",
      params: {
        items: [{ total: 20, customer: { country: "DE" } }, { total: 500 }],
        match: "any",
        conditions: [
          { field: "total", operator: "greaterThan", right: 100 },
          { field: "customer.country", operator: "equals", right: "{{ trigger.body.country }}", caseSensitive: false },
        ],
      },
    },
    { title: "Numbers above one", params: { items: [1, 2, 3], conditions: [{ operator: "greaterThan", right: 1 }] } },
  ],
});
