import { z } from "zod";

/**
 * Redis list (below the installation's prefix) by which the API asks a worker to run one node of a draft, and the key under which the answer is left.
 * A request that is lost is a test that was not made: somebody waits for it, and asks again. The graph is read from PostgreSQL by the worker.
 */
export const NODE_TEST_LIST = "node-tests";

export function nodeTestReplyKey(testId: string): string {
  return `node-tests:reply:${testId}`;
}

/** How long a test of a node may take, and how long its asker waits: a little more. Milliseconds. */
export const NODE_TEST_MS_MAX = 30_000;
export const NODE_TEST_WAIT_MS = 35_000;

/** A request that was not taken by then is too late: nobody waits long enough for its answer. Milliseconds. */
export const NODE_TEST_AGE_MAX_MS = 5_000;

/** Requests that wait; more are refused. */
export const NODE_TEST_ENTRIES_MAX = 50;

export const nodeTestRequestSchema = z.strictObject({
  version: z.literal(1),
  testId: z.uuid(),
  tenantId: z.uuid(),
  workflowId: z.uuid(),
  nodeId: z.string(),
  /** Outputs of the nodes before it, by node id. */
  pinned: z.record(z.string(), z.json()),
  trigger: z.record(z.string(), z.json()),
  /** The element of the loop around it; absent for none. */
  item: z.json().optional(),
  /** Milliseconds since 1970 by the clock of the process that asks. */
  askedAt: z.int().min(0),
});
export type NodeTestRequest = z.output<typeof nodeTestRequestSchema>;

/** How a test of a node ended. */
export const nodeTestResultSchema = z
  .strictObject({
    status: z.enum(["SUCCESS", "FAILED", "WAITING", "CALLS", "LOOPS"]).meta({
      description: "`WAITING`: it would wait until `resumeAt` and then have this output. `CALLS`: it would start another workflow with this output as input, which a test does not. `LOOPS`: it would run its body with the items of this output.",
      example: "SUCCESS",
    }),
    output: z.json().meta({ description: "The output; null when it failed." }),
    ports: z.array(z.string()).meta({ description: "The ports that it would go on by.", example: ["main"] }),
    failure: z
      .strictObject({ code: z.string().meta({ description: "The stable code.", example: "PROVIDER_REJECTED" }), errorClass: z.string().meta({ description: "The class.", example: "REFUSED" }), message: z.string().meta({ description: "In words." }) })
      .nullable()
      .meta({ description: "Why it failed." }),
    attempt: z.int().meta({ description: "A test makes one attempt, whatever the node's settings say.", example: 1 }),
    durationMs: z.int().meta({ description: "How long it took.", example: 120 }),
    resumeAt: z.iso.datetime().nullable().meta({ description: "Of WAITING: until when." }),
    hasActed: z.boolean().meta({ description: "Whether the node is one that acts outside: if so, it did.", example: true }),
  })
  .meta({ id: "NodeTestResult", description: "What one node of the draft did with the given data." });
export type NodeTestResult = z.output<typeof nodeTestResultSchema>;
