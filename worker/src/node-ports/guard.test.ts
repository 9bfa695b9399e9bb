import { executeNode } from "@fluxo/nodes/registry";
import { guardedFetch } from "@fluxo/nodes/http/guarded-fetch";
import { Redactor } from "@fluxo/core/credentials/redactor";
import type { NodeContext } from "@fluxo/core/node/executor";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import { createGuardedDialer } from "@fluxo/runtime/dial/guarded-dialer";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import { systemClock } from "@fluxo/runtime/clock";
import { describeGuard, type GuardParts } from "@fluxo/runtime/testing/guard.contract";
import { createNodePorts } from "./node-ports.ts";

const ID = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a14";
const TIMEOUT_MS = 2_000;

/** What a node is given in the worker, with the guard's parts and one credential. */
function contextFor(parts: GuardParts, credential: OpenCredential): NodeContext {
  const scope = { tenantId: "tenant", workflowId: "workflow", executionId: "execution", nodeId: "node", item: 0 };
  const open: NodeContext["credentials"]["open"] = (_id, kinds) => (isOfKind(credential, kinds) ? Promise.resolve(credential) : Promise.reject(new Error("The credential is of another kind.")));
  const ports = createNodePorts({ http: createGuardedClient(parts), dial: createGuardedDialer(parts) })(scope, new Redactor());
  return {
    ...scope, ...ports, credentials: { open }, attempt: 1, idempotencyKey: "execution:node:0", inputs: [], trigger: {}, signal: new AbortController().signal, timeoutMs: TIMEOUT_MS, clock: systemClock,
  };
}

function isOfKind<K extends OpenCredential["kind"]>(credential: OpenCredential, kinds: readonly K[]): credential is Extract<OpenCredential, { readonly kind: K }> {
  return kinds.some((kind) => kind === credential.kind);
}

// The nodes as they are, over the dialer as the worker has it.
describeGuard("email.send", {
  port: 587,
  closedPorts: [24, 80, 993, 5432, 6379],
  connect: (parts, host, port) => {
    const credential: OpenCredential = { id: ID, kind: "smtp", fields: { host, port, security: "none" }, accessToken: undefined };
    return executeNode("email.send", { credential: ID, from: "a@example.com", to: "b@example.com", text: "x" }, contextFor(parts, credential));
  },
});
describeGuard("postgresql.query", {
  port: 5432,
  closedPorts: [22, 25, 80, 443, 6379, 9200],
  connect: (parts, host, port) => {
    const credential: OpenCredential = { id: ID, kind: "database", fields: { host, port, database: "d", username: "u", tls: "disable" }, accessToken: undefined };
    return executeNode("postgresql.query", { credential: ID, sql: "SELECT 1" }, contextFor(parts, credential));
  },
});

// The way of SDKs: AI, S3.
describeGuard("guardedFetch", {
  port: 443,
  closedPorts: [22, 25, 5432, 6379],
  connect: (parts, host, port) => guardedFetch(createGuardedClient(parts), { timeoutMs: TIMEOUT_MS, maxResponseBytes: 1_000 })(`https://${host}:${port}/`),
});
