import { credentialUsesOf } from "@fluxo/core/credentials/uses";
import { NodeError } from "@fluxo/core/errors/node-error";
import { toNodeFailure, type NodeFailure } from "@fluxo/core/errors/failure";
import type { Graph } from "@fluxo/core/graph/graph";
import type { Json } from "@fluxo/core/json";
import { loopRecord } from "@fluxo/core/node/loop";
import type { NodeInput } from "@fluxo/core/node/executor";
import type { NodeScope } from "@fluxo/core/ports/node-ports";
import { itemContext, templateContext } from "@fluxo/core/templates/context";
import { NODE_TEST_MS_MAX, type NodeTestRequest, type NodeTestResult } from "@fluxo/contracts/channels/node-test";
import { findDefinition } from "@fluxo/nodes/catalog";
import { loadDraft } from "@fluxo/prisma/executions/drafts";
import { readCredential } from "@fluxo/prisma/credentials/stored-credential";
import { runNode, type NodeEnd, type NodeTask, type NodeTools } from "../execution/node-runner.ts";
import { compileNode } from "../execution/version-cache.ts";
import { createCredentials, type CredentialParts } from "../node-ports/credentials.ts";
import type { PortsOf } from "../node-ports/node-ports.ts";

export interface NodeTestParts {
  /** What opens credentials; without it, nodes that ask fail. */
  readonly credentials?: Omit<CredentialParts, "find">;
  /** Connections of fluxo_app. */
  readonly db: CredentialParts["db"];
  readonly tools: NodeTools;
  readonly signal: AbortSignal;
}

/**
 * Runs one node of a draft as it is now, once, with pinned outputs. It reaches what it would reach in an execution, but for files to keep and memory,
 * which belong to executions. Never throws: what goes wrong is the result.
 */
export async function runNodeTest(request: NodeTestRequest, parts: NodeTestParts): Promise<NodeTestResult> {
  const begunMs = performance.now();
  const { tools } = parts;
  const failed = (error: unknown): NodeTestResult => resultOf({ kind: "failed", failure: toNodeFailure(error, { id: request.nodeId, type: "", integration: null, attempt: 1 }, tools.clock.now()) }, performance.now() - begunMs, false);
  try {
    const graph = await loadDraft(parts.db, request.tenantId, request.workflowId);
    const task = graph === undefined ? undefined : taskOf(request, graph, parts.signal, tools);
    if (graph === undefined || task === undefined) return failed(new NodeError("The draft changed meanwhile: it has no such node any more.", { errorClass: "REFUSED", code: "NODE_INTERNAL" }));
    const end = await runNode(task, { ...tools, ports: testPorts(tools.ports, graph, parts) });
    const { sideEffect, kind } = task.compiled.definition;
    return resultOf(end, performance.now() - begunMs, sideEffect !== "none" || kind === "action");
  } catch (error) {
    return failed(error);
  }
}

function taskOf({ tenantId, workflowId, testId, nodeId, pinned, trigger, item }: NodeTestRequest, { nodes, edges }: Graph, signal: AbortSignal, { clock }: NodeTools): NodeTask | undefined {
  const node = nodes.find(({ id }) => id === nodeId);
  const definition = node === undefined ? undefined : findDefinition(node.type);
  if (node === undefined || definition === undefined) return undefined;
  const compiled = compileNode({ ...node, retry: { maxAttempts: 1 } }, 0, definition);
  const outputs = new Map<string, Json>(Object.entries(pinned));
  const aliases = new Map(nodes.flatMap(({ id, alias }) => (alias === undefined ? [] : [[alias, id] as const])));
  const execution = { id: testId, workflowId, versionId: null, tenantId, startedAt: clock.now().toISOString() };
  const around = templateContext({ trigger, execution, outputs, aliases });
  const inputs = edges.flatMap(({ from, port, to }): NodeInput[] => (to === nodeId && outputs.has(from) ? [{ nodeId: from, port, output: outputs.get(from) ?? null }] : []));
  return {
    tenantId,
    workflowId,
    executionId: testId,
    compiled: { ...compiled, timeoutMs: Math.min(compiled.timeoutMs, NODE_TEST_MS_MAX) },
    item: 0,
    inputs,
    trigger,
    templates: item === undefined ? around : itemContext(around, { item, index: 0, count: 1, outputs }),
    attempts: [],
    signal,
    mayAct: () => !signal.aborted,
  };
}

/** A test opens the credentials that the draft names at this node, as long as they are the tenant's. */
function testPorts(open: PortsOf, graph: Graph, { credentials }: NodeTestParts): PortsOf {
  const uses = credentialUsesOf(graph, { get: findDefinition });
  const find = ({ tenantId, nodeId }: NodeScope, credentialId: string): ReturnType<typeof readCredential> =>
    credentials !== undefined && uses.some((use) => use.nodeId === nodeId && use.value === credentialId) ? readCredential(credentials.db, tenantId, credentialId) : Promise.resolve(undefined);
  const ofTest = credentials === undefined ? undefined : createCredentials({ ...credentials, find });
  return (scope, redactor) => {
    const ports = open(scope, redactor);
    return {
      ...ports,
      ...(ofTest === undefined ? {} : { credentials: ofTest(scope, redactor) }),
      files: { read: (fileId) => ports.files.read(fileId), save: () => refuse("A test keeps no files.") },
      memory: { remember: () => refuse("A test remembers nothing."), exchange: () => refuse("A test remembers nothing.") },
    };
  };
}

function refuse(message: string): Promise<never> {
  return Promise.reject(new NodeError(message, { errorClass: "REFUSED", code: "UNSUPPORTED", nothingDone: true }));
}

type TestEnd = NodeEnd | { readonly kind: "failed"; readonly failure: NodeFailure };

function resultOf(end: TestEnd, tookMs: number, acts: boolean): NodeTestResult {
  const base = { output: null, ports: [], failure: null, attempt: 1, durationMs: Math.round(tookMs), resumeAt: null, hasActed: acts };
  switch (end.kind) {
    case "done":
      return { ...base, status: "SUCCESS", output: end.output, ports: [...end.ports] };
    case "delayed":
      return { ...base, status: "WAITING", output: end.output, ports: ["main"], resumeAt: end.resumeAt.toISOString() };
    case "child":
      return { ...base, status: "CALLS", output: end.start.input, hasActed: false };
    case "loop":
      return { ...base, status: "LOOPS", output: loopRecord(end.work) };
    case "failed":
    case "backoff": {
      const { code, errorClass, message } = end.failure;
      return { ...base, status: "FAILED", failure: { code, errorClass, message } };
    }
    case "aborted":
      return { ...base, status: "FAILED", failure: { code: "UNAVAILABLE", errorClass: "CONNECTION", message: "The worker stopped meanwhile. Whether the node acted is unknown." } };
    case "awaiting":
      return { ...base, status: "WAITING", output: end.output };
    default:
      return end satisfies never;
  }
}
