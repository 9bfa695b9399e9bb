import { defineNode } from "@fluxo/core/node/definition";
import { z } from "zod";
import { ITEMS_MAX, itemsSchema } from "../paths/items.ts";
import { jsonValueSchema } from "../schemas/json.ts";

/** The port that leads into the body. */
const ITEM_PORT = "item";

const PORTS = [ITEM_PORT, "main"] as const;

const paramsSchema = z.strictObject({
  items: itemsSchema.describe(`What the body is run with, one element after the other: ${ITEMS_MAX.toLocaleString("en-US")} at most. Usually one template.`),
  concurrency: z.int().min(1).max(20).default(1).describe("How many items are in work at the same time. An item that waits counts."),
  onItemError: z
    .enum(["stop", "continue"])
    .default("stop")
    .describe("What a failure in the body does that no node there handles. `stop`: no further item begins and the loop fails. `continue`: the item counts as failed and the others go on."),
  itemsMax: z.int().min(1).max(ITEMS_MAX).default(ITEMS_MAX).describe("A longer list fails the node."),
});

export type ForEachParams = z.output<typeof paramsSchema>;

const failureSchema = z.strictObject({
  nodeId: z.string().describe("The node of the body that failed."),
  message: z.string().describe("What happened."),
  code: z.string().describe("The stable code."),
  errorClass: z.string().describe("What kind of failure."),
});

const outputSchema = z.strictObject({
  results: z.array(jsonValueSchema).describe("What came out of each item, in the order of the items; null for an item that failed."),
  failed: z.array(z.strictObject({ index: z.int().describe("The item, from 0."), failure: failureSchema })).describe("The items that failed, with `onItemError: continue`."),
  count: z.int().describe("How many items there were."),
});

export const forEach = defineNode({
  type: "for-each",
  kind: "flow",
  title: "For each",
  docs: `Runs its body once per element of a list, and then goes on through the port \`main\`.

**The body** is every node that the port \`item\` leads to, however far. It is closed: no other edge leads into it, so what follows the loop leads from \`main\`. A
body holds no other loop (put the inner one into a workflow of its own and call that), no trigger and no respond node.

**In the body**, templates see \`{{ item }}\`, \`{{ loop.index }}\` (from 0) and \`{{ loop.count }}\`, beside all that is seen around the loop. Nodes behind the loop do not
see those of the body; they read the loop's output.

**The output** is \`{ results, failed, count }\`. The result of an item is the output of the node in which its branches ended; where several did, an object of them by
alias or id; where none did, null.

**Order and failures.** Items begin in the order of the list, \`concurrency\` at a time. Every node of the body has one record per item, and its own idempotency key, so
that a restart repeats nothing that is recorded. A branch that is not taken is skipped for that item alone. A delay in the body suspends its item, and with the
default \`concurrency\` of 1 the items behind it as well. A failure that the body does not handle (\`onError\` of its nodes) ends with \`onItemError: stop\` the loop: the nodes
in work finish, nothing else begins, and the loop fails with the code of that failure; its own \`onError\` then decides. With \`continue\` it ends its branch of its item.`,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => PORTS,
  bodyPort: ITEM_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "One item after the other", params: { items: ["de", "at", "ch"] } },
    { title: "Five at a time, whatever fails", params: { items: [{ sku: "A-1" }, { sku: "A-2" }], concurrency: 5, onItemError: "continue" } },
  ],
});
