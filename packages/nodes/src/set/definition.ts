import { filledInSchema } from "@fluxo/core/graph/output-types";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { dangerousKeysOf, isJsonObject, jsonObjectSchema } from "../schemas/json.ts";

const fieldsSchema = jsonObjectSchema.superRefine((fields, context) => {
  for (const key of dangerousKeysOf(fields)) {
    context.addIssue({ code: "custom", path: [key], message: "must have another name: this one is reserved" });
  }
});

const paramsSchema = z.strictObject({
  fields: fieldsSchema.describe("The members of the output: any JSON values by name. `__proto__`, `constructor` and `prototype` are refused as names."),
  mode: z.enum(["replace"]).default("replace").describe("`replace`: the output holds these fields and nothing else."),
});

export type SetParams = z.output<typeof paramsSchema>;

export const set = defineNode({
  type: "set",
  kind: "data",
  title: "Set fields",
  docs: `Makes an object of the given fields. Use it to give values a name, to choose what later nodes see, or to reshape an answer.
A field that is one template keeps the type of its value: \`"{{ trigger.body.items }}"\` stays an array.`,
  tier: "FREE",
  params: paramsSchema,
  output: jsonObjectSchema.describe("The fields."),
  outputSchema: ({ fields }) => (isJsonObject(fields) ? filledInSchema(fields) : undefined),
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Constant fields", params: { fields: { plan: "trial", seats: 5, tags: ["new"] } } },
    { title: "Fields of the trigger", params: { fields: { email: "{{ trigger.body.email | lower }}", items: "{{ trigger.body.items }}" } } },
  ],
});
