import { defineNode } from "@fluxo/core/node/definition";
import { z } from "zod";
import { pathSchema } from "../paths/path.ts";
import { jsonValueSchema } from "../schemas/json.ts";

/** Bytes of JSON that are kept at most. */
export const VALUE_BYTES_MAX = 262_144;

/** Most differences of one kind that the output names. */
export const DIFFERENCES_MAX = 1_000;

const paramsSchema = z.strictObject({
  value: jsonValueSchema.describe(`What is compared, and kept for the next execution: ${VALUE_BYTES_MAX / 1_024} KiB of JSON at most.`),
  name: z.string().min(1).max(256).optional().describe("What the value is kept under, such as the address of a page. Absent: one value per node; in a loop, one per place in the list."),
  keyPath: pathSchema.optional().describe("Of a list of objects: leads to what identifies an element, so that elements are compared by it and not by their place."),
  onFirst: z.enum(["changed", "unchanged"]).default("unchanged").describe("The port of the first time, when there is nothing to compare with."),
});

export type CompareParams = z.output<typeof paramsSchema>;

const differences = z.array(z.string());

const outputSchema = z.strictObject({
  isFirst: z.boolean().describe("Whether there was nothing to compare with."),
  isChanged: z.boolean().describe("Whether the value differs from the one before; false the first time."),
  added: differences.describe("JSON pointers to what is new."),
  removed: differences.describe("JSON pointers to what is gone."),
  changed: differences.describe("JSON pointers to what is another value."),
  isCut: z.boolean().describe(`Whether there are more than ${DIFFERENCES_MAX} differences of one kind, of which the first are named.`),
  previous: jsonValueSchema.describe("The value before; null the first time."),
});

export const compare = defineNode({
  type: "compare",
  kind: "data",
  title: "Compare with the previous execution",
  docs: `Compares a value with the one that this node was given in the execution before, keeps it for the next one, and takes the port \`changed\` or \`unchanged\`. The differences are JSON
pointers (RFC 6901), such as \`/price\` or \`/items/3/name\`. The order of an object's keys does not matter.

A list is compared place by place. With \`keyPath\`, the elements of the value, which must be a list then, are compared by what identifies them, and the pointers name it in place of the
number: \`/A-17/price\`. Elements without it, or with the same one, fail the node.

The same execution compares with the same value again, however often it is tried; so does a rerun within three days. Executions of one workflow that compare at the same time take turns. A
value that nobody compares with for a year is forgotten.`,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => ["changed", "unchanged"],
  retryClass: "transient",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "Tell of a change", params: { value: "{{ trigger.body.total }}", name: "total of {{ trigger.body.id }}" } },
    { title: "Products by their number", params: { value: [{ sku: "A-17", price: 9.5 }], keyPath: "sku", onFirst: "changed" } },
  ],
});
