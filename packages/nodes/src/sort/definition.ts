import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { itemsSchema } from "../paths/items.ts";
import { pathSchema } from "../paths/path.ts";
import { jsonValueSchema } from "../schemas/json.ts";
import { localeSchema } from "../schemas/locale.ts";

const keySchema = z.strictObject({
  path: pathSchema.optional().describe("Leads to the value inside of each element. Absent: the element itself."),
  as: z.enum(["number", "text", "date"]).default("text").describe("What the values are."),
  order: z.enum(["ascending", "descending"]).default("ascending"),
  locale: localeSchema.optional().describe("Texts are ordered as people who speak this language do, with numbers in them by their size. Absent: by their UTF-16 code units."),
  caseSensitive: z.boolean().default(true).describe("Whether upper and lower case differ when texts are compared."),
});

export type SortKey = z.output<typeof keySchema>;

const paramsSchema = z.strictObject({
  items: itemsSchema,
  by: z.array(keySchema).min(1).max(5).describe("The first key decides; where it is the same, the second; and so on."),
});

export type SortParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  items: z.array(jsonValueSchema).describe("The elements in their new order."),
  count: z.int().min(0).describe("How many they are."),
});

export const sort = defineNode({
  type: "sort",
  kind: "data",
  title: "Sort",
  docs: `Puts the elements of a list in order. Elements with the same keys stay in the order in which they were.

| \`as\` | takes |
|---|---|
| \`number\` | numbers, and texts that are one as JSON writes it |
| \`text\` | texts; numbers and booleans count as their text |
| \`date\` | ISO 8601 or the form of mail; without an offset it is UTC |

Elements without the value, or with null, come last in either order. Any other value fails the node, and the message names its place.
With a \`locale\`, only the first 100 characters of a text go by the rules of the language. These rules are those of the installed version of Node.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Numbers, the largest first", params: { items: [3, 10, 7], by: [{ as: "number", order: "descending" }] } },
    {
      title: "By country, then by name as Germans order it",
      params: {
        items: [
          { country: "DE", name: "Zoe" },
          { country: "DE", name: "Änne" },
          { country: "AT", name: "Ida" },
        ],
        by: [{ path: "country" }, { path: "name", locale: "de", caseSensitive: false }],
      },
    },
    { title: "The oldest first", params: { items: [{ at: "2026-01-05T07:00:00Z" }, { at: "Mon, 05 Jan 2026 06:00:00 GMT" }], by: [{ path: "at", as: "date" }] } },
  ],
});
