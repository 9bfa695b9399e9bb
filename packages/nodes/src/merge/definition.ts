import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { jsonObjectSchema, jsonValueSchema } from "../schemas/json.ts";

const paramsSchema = z.strictObject({
  mode: z
    .enum(["waitAll", "append", "combine"])
    .default("waitAll")
    .describe("`waitAll`: all outputs, by node id. `append`: one array. `combine`: one object."),
});

export type MergeParams = z.output<typeof paramsSchema>;

const outputSchema = z.union([jsonObjectSchema, z.array(jsonValueSchema)]).describe("`{ inputs: { <nodeId>: output } }`, the array or the object, as `mode` asks.");

export const merge = defineNode({
  type: "merge",
  kind: "flow",
  title: "Merge",
  docs: `Waits until every branch that leads into it is finished or out of reach, then goes on once with the outputs of the branches that were taken, in plan order.

| mode | output |
|---|---|
| \`waitAll\` | \`{ "inputs": { "<nodeId>": output } }\` |
| \`append\` | one array: arrays are joined, any other output is one element |
| \`combine\` | one object: the members of all outputs, where a later output wins. Outputs that are no objects, and members named \`__proto__\`, \`constructor\` or \`prototype\`, fail the node |

A node that leads in through several ports counts once.`,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Wait for all branches", params: {} },
    { title: "One list of all branches", params: { mode: "append" } },
    { title: "One object of all branches", params: { mode: "combine" } },
  ],
});
