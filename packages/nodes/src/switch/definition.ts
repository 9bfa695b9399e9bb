import { defineNode } from "@fluxo/core/node/definition";
import { z } from "zod";
import { CONDITION_DOCS, conditionsSchema, matchSchema } from "../conditions/schema.ts";
import { jsonValueSchema } from "../schemas/json.ts";

/** The port of a case must fit in the 64 characters of a port's name. */
const CASE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,58}$/;

/** The port that is taken when no case holds. */
export const DEFAULT_PORT = "default";

const caseSchema = z
  .strictObject({
    name: z
      .string()
      .regex(CASE_NAME, "must start with a letter or digit and hold letters, digits, '_' or '-' (59 at most)")
      .describe("Names the case's port, `case:<name>`. Not a template."),
    equals: jsonValueSchema.optional().describe("The case holds when `value` equals this, as the operator `equals` has it."),
    match: matchSchema,
    conditions: conditionsSchema.optional().describe("The case holds when these do."),
  })
  .superRefine((candidate, context) => {
    if ((candidate.equals === undefined) === (candidate.conditions === undefined)) {
      context.addIssue({ code: "custom", path: ["name"], message: "must go with either equals or conditions" });
    }
  });

const casesSchema = z
  .array(caseSchema)
  .min(1)
  .max(50)
  .superRefine((cases, context) => {
    for (const [index, { name }] of cases.entries()) {
      if (cases.findIndex((other) => other.name === name) !== index) {
        context.addIssue({ code: "custom", path: [index, "name"], message: "must differ from the names of the other cases" });
      }
    }
  });

const paramsSchema = z
  .strictObject({
    value: jsonValueSchema.optional().describe("What cases with `equals` are compared with."),
    cases: casesSchema.describe("The cases, in the order in which they are tried."),
    mode: z.enum(["first", "all"]).default("first").describe("`first`: the first case that holds is taken. `all`: every case that holds is taken."),
    fallback: z.boolean().default(true).describe("Whether the port `default` is taken when no case holds."),
  })
  .superRefine(({ value, cases }, context) => {
    const compared = cases.findIndex((candidate) => candidate.equals !== undefined);
    if (value === undefined && compared !== -1) {
      context.addIssue({ code: "custom", path: ["value"], message: "must be there, because a case compares with it" });
    }
  });

export type SwitchParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  matched: z.array(z.string()).describe("Names of the cases that were taken, in their order."),
  isFallback: z.boolean().describe("Whether no case held and the port `default` was taken."),
});

export const switchNode = defineNode({
  type: "switch",
  kind: "flow",
  title: "Switch",
  docs: `Goes on through the ports of the cases that hold: \`case:<name>\`, or \`default\` when none does. A case either compares \`value\` with its \`equals\`,
or has conditions of its own. The names of the cases are the ports that edges lead from, so they are read as saved: a template cannot make them.
Without \`fallback\`, and when no case holds, nothing behind the node is reached.\n\n${CONDITION_DOCS}`,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: portsOf,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    {
      title: "By one value",
      params: { value: "{{ trigger.body.plan }}", cases: [{ name: "trial", equals: "trial" }, { name: "paid", equals: "paid" }] },
    },
    {
      title: "Every rule that holds, and nothing else",
      params: {
        mode: "all",
        fallback: false,
        cases: [
          { name: "large", conditions: [{ left: "{{ trigger.body.total }}", operator: "greaterOrEqual", right: 1000 }] },
          {
            name: "new-customer",
            match: "any",
            conditions: [
              { left: "{{ trigger.body.orders }}", operator: "equals", right: 1 },
              { left: "{{ trigger.body.tags }}", operator: "contains", right: "new" },
            ],
          },
        ],
      },
    },
  ],
});

/** The port of a case. */
export function casePort(name: string): string {
  return `case:${name}`;
}

/** Answers for parameters as saved, also for those that do not fit the schema: only names that no template can change make a port. */
function portsOf({ cases, fallback }: Readonly<Record<string, unknown>>): readonly string[] {
  const names = (Array.isArray(cases) ? cases : []).flatMap((candidate: unknown) => {
    const name = typeof candidate === "object" && candidate !== null && "name" in candidate ? candidate.name : undefined;
    return typeof name === "string" && CASE_NAME.test(name) ? [name] : [];
  });
  return [...new Set(names.map(casePort)), ...(fallback === false && names.length > 0 ? [] : [DEFAULT_PORT])];
}
