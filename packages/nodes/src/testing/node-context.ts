import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeContext } from "@fluxo/core/node/executor";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import type { NodePorts } from "@fluxo/core/ports/node-ports";

/** The instant at which every test context lives. */
export const NOW = new Date("2026-01-05T07:00:00.000Z");

/** A clock that stands still; nobody sleeps by it. */
const fixedClock: Clock = {
  now: () => new Date(NOW),
  sleep: () => Promise.reject(new Error("No node sleeps by itself.")),
};

/** A port for nodes that have no business with it. */
const closedHttp: HttpPort = {
  send: () => Promise.reject(new NodeError("This test has no provider.", { errorClass: "INTERNAL", code: "NODE_INTERNAL" })),
};

const closed = (port: string) => (): Promise<never> => Promise.reject(new NodeError(`This test has no ${port}.`, { errorClass: "INTERNAL", code: "NODE_INTERNAL" }));

/** Ports for nodes that have no business with them. */
const closedPorts: Omit<NodePorts, "http"> = {
  dial: { connect: closed("dialer") },
  credentials: { open: closed("credentials") },
  files: { save: closed("files"), read: closed("files") },
  sandbox: { run: closed("sandbox") },
  memory: { remember: closed("memory"), exchange: closed("memory") },
  aiTokens: { hold: closed("tokens of AI models") },
};

/** What one attempt is given, with the parts that a test cares about replaced. */
export function nodeContext(parts: Partial<NodeContext> = {}): NodeContext {
  return {
    tenantId: "tenant-1",
    workflowId: "workflow-1",
    executionId: "execution-1",
    nodeId: "node",
    item: 0,
    attempt: 1,
    idempotencyKey: "execution-1:node:0",
    inputs: [],
    trigger: {},
    signal: new AbortController().signal,
    timeoutMs: 60_000,
    clock: fixedClock,
    http: closedHttp,
    ...closedPorts,
    ...parts,
  };
}
