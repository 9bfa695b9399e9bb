import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { itemsSchema } from "../paths/items.ts";
import { pathSchema } from "../paths/path.ts";
import { jsonValueSchema } from "../schemas/json.ts";
import { scalarSchema } from "../schemas/scalar.ts";

/** The longest window: 90 days. */
const WINDOW_HOURS_MAX = 2_160;

const paramsSchema = z
  .strictObject({
    items: itemsSchema.optional(),
    keyPath: pathSchema.optional().describe("Leads to what identifies an element. Absent: the element as a whole."),
    key: scalarSchema.optional().describe("One key, instead of a list."),
    windowHours: z.int().min(1).max(WINDOW_HOURS_MAX).default(24).describe("How long a key is remembered, from when it is first seen; 90 days at most."),
  })
  .superRefine(({ items, keyPath, key }, context) => {
    if ((items === undefined) === (key === undefined)) {
      context.addIssue({ code: "custom", path: ["items"], message: "must be there, or key, and not both" });
    }
    if (keyPath !== undefined && items === undefined) {
      context.addIssue({ code: "custom", path: ["keyPath"], message: "must go with items" });
    }
  })
  .meta({ oneOf: [{ required: ["items"] }, { required: ["key"] }] });

export type DeduplicateParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  isNew: z.boolean().describe("Whether anything is new."),
  items: z.array(jsonValueSchema).describe("The new elements, in their order; of a single key, the key when it is new."),
  count: z.int().min(0).describe("How many are new."),
  duplicates: z.int().min(0).describe("How many are not."),
});

export const deduplicate = defineNode({
  type: "deduplicate",
  kind: "data",
  title: "Remove duplicates",
  docs: `Lets pass what this node has not seen before, in this execution or an earlier one of the workflow. Each key is remembered for the window, which begins when the key is first seen; later
sightings do not extend it.

- Keys are compared as JSON: \`1\` and \`"1"\` differ, the order of an object's keys does not matter. An element without the value at \`keyPath\` fails the node.
- Of several executions at the same time, one finds a key new. The same execution gets the same answer again, however often it is tried; so does a rerun of it.
- Another node, another workflow and a node under another id remember for themselves.

After a single key, use an \`if\` with \`isNew\`.`,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Elements of a list, for a week", params: { items: [{ id: 1 }, { id: 2 }, { id: 1 }], keyPath: "id", windowHours: 168 } },
    { title: "A list of texts", params: { items: ["ada@example.com", "bob@example.com"] } },
    { title: "One key", params: { key: "{{ trigger.body.id }}", windowHours: 2_160 } },
  ],
});
