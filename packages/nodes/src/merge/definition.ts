import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { ITEMS_MAX } from "../paths/items.ts";
import { pathSchema } from "../paths/path.ts";
import { jsonObjectSchema, jsonValueSchema } from "../schemas/json.ts";

/** Most pairs that a join by key makes. */
export const PAIRS_MAX = 100_000;

const paramsSchema = z
  .strictObject({
    mode: z
      .enum(["waitAll", "first", "append", "combine", "combineByPosition", "combineByKey"])
      .default("waitAll")
      .describe("What becomes of the branches, as the table above tells. Not a template: whether the node waits is part of the graph."),
    list: pathSchema.optional().describe("Of `combineByPosition` and `combineByKey`: where the list is in each output, such as `items` or `body.rows`; the output itself when absent."),
    field: pathSchema.optional().describe("Of `combineByKey`: where the key is in each element, such as `id` or `customer.email`."),
    join: z
      .enum(["inner", "left", "outer"])
      .default("inner")
      .describe("Of `combineByPosition` and `combineByKey`: which elements stay that have no partner. `inner`: none. `left`: those of the first list. `outer`: all."),
  })
  .superRefine(({ mode, field }, context) => {
    if ((mode === "combineByKey") !== (field !== undefined)) {
      context.addIssue({ code: "custom", path: ["field"], message: mode === "combineByKey" ? "must be there, because combineByKey compares it" : "must not be there but with combineByKey" });
    }
  });

export type MergeParams = z.output<typeof paramsSchema>;

const outputSchema = z
  .union([jsonObjectSchema, z.array(jsonValueSchema)])
  .describe("`{ inputs: { <nodeId>: output } }`, `{ nodeId, output }`, the array or the object, as `mode` asks.");

export const merge = defineNode({
  type: "merge",
  kind: "flow",
  title: "Merge",
  docs: `Joins branches. It waits until every branch that leads into it is finished or out of reach, then goes on once with the outputs of the branches that were taken, in
plan order. Only \`first\` does not wait.

| mode | output |
|---|---|
| \`waitAll\` | \`{ "inputs": { "<nodeId>": output } }\` |
| \`first\` | \`{ "nodeId": "<nodeId>", "output": output }\` of the branch that arrives first |
| \`append\` | one array: arrays are joined, any other output is one element |
| \`combine\` | one object: the members of all outputs, where a later output wins |
| \`combineByPosition\` | one array: the first elements of all lists as one object, then the second ones, and so on |
| \`combineByKey\` | one array: elements of the lists that have the same value under \`field\`, as one object |

- A node that leads in through several ports counts once.
- \`combine\`, \`combineByPosition\` and \`combineByKey\` join objects: of members with the same name the later one wins. Outputs or elements that are no objects, and members
  named \`__proto__\`, \`constructor\` or \`prototype\`, fail the node. A list has ${ITEMS_MAX.toLocaleString("en-US")} elements at most.
- \`combineByKey\` compares texts, numbers and booleans strictly: 1 and "1" differ. An element whose key is null, an object, an array or not there has no partner. An
  element with several partners makes one element with each of them, in their order (${PAIRS_MAX.toLocaleString("en-US")} at most). With more than two lists, each is joined to what the ones before it made.
- \`first\` goes on with the first branch that arrives. Its record says which one it was before anything uses it, so that a restart does not choose anew; what arrives later
  is ignored. The other branches run to their end all the same, and the execution ends when they have. Nodes behind the merge may name nodes before all of the branches, but
  none of a single branch: that one may have lost.`,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  joinsFirst: ({ mode }) => mode === "first",
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  literalParams: ["mode"],
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Wait for all branches", params: {} },
    { title: "Go on with the fastest branch", params: { mode: "first" } },
    { title: "One list of all branches", params: { mode: "append" } },
    { title: "One object of all branches", params: { mode: "combine" } },
  ],
});
