import type { NodePorts } from "@fluxo/core/ports/node-ports";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { RecordedNode } from "@fluxo/prisma/executions/dry-rerun";
import type { PortsOf } from "../node-ports/node-ports.ts";
import type { DryAnswer } from "./dry-compare.ts";
import { runNode, type NodeEnd, type NodeTask, type NodeTools } from "./node-runner.ts";
import type { CompiledVersion } from "./version-cache.ts";

/**
 * Answers for the nodes of a dry rerun. A node that acts nowhere is computed anew; one that acts, or that reaches for anything outside while it is
 * computed, is answered from the record. What the record does not have, and all that depends on it, is left open.
 */
export class DryNodes {
  readonly #version: CompiledVersion;
  readonly #recorded: ReadonlyMap<string, RecordedNode>;
  readonly #answers = new Map<string, DryAnswer>();
  readonly #missing: { readonly nodeId: string; readonly item: number }[] = [];
  readonly #ancestors: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(version: CompiledVersion, journal: readonly RecordedNode[]) {
    this.#version = version;
    this.#recorded = new Map(journal.map((node) => [`${node.nodeId}:${node.item}`, node]));
    this.#ancestors = ancestorsOf(version);
  }

  /** How a node was answered for. A loop is answered for by its body. */
  answerOf(nodeId: string, item: number): DryAnswer {
    const answer = this.#answers.get(`${nodeId}:${item}`) ?? "computed";
    return answer === "computed" && this.#isOpen(nodeId, item) ? "notComputed" : answer;
  }

  /** Runs a node, or answers for it. Never throws. */
  readonly run = async (task: NodeTask, tools: NodeTools): Promise<NodeEnd> => {
    const { id } = task.compiled.node;
    if (this.#isOpen(id, task.item)) return this.#leaveOpen(task, tools, "notComputed");
    const { sideEffect, kind } = task.compiled.definition;
    if (sideEffect !== "none" || kind === "action") return this.#fromRecord(task, tools);
    let hasReached = false;
    const ports: PortsOf = (scope, redactor) =>
      closedPorts(tools.ports(scope, redactor), () => {
        hasReached = true;
      });
    const end = await runNode(task, { ...tools, ports });
    if (end.kind === "aborted") return end;
    if (hasReached || end.kind === "child" || end.kind === "awaiting") return this.#fromRecord(task, tools);
    this.#answers.set(`${id}:${task.item}`, "computed");
    // Nobody waits in a dry rerun: a delay is over at once, and a later attempt is not made.
    if (end.kind === "delayed") return { ...end, kind: "done", ports: ["main"] };
    return end.kind === "backoff" ? { ...end, kind: "failed" } : end;
  };

  #fromRecord(task: NodeTask, tools: NodeTools): NodeEnd {
    const { id, type } = task.compiled.node;
    const entry = this.#recorded.get(`${id}:${task.item}`);
    const base = { attempt: 1, attempts: [], startedAt: tools.clock.now() };
    if (entry?.type === type && entry.status === "SUCCESS") {
      this.#answers.set(`${id}:${task.item}`, "record");
      return { ...base, kind: "done", output: entry.output, ports: entry.ports };
    }
    if (entry?.type === type && entry.status === "FAILED" && entry.failure !== null) {
      this.#answers.set(`${id}:${task.item}`, "record");
      return { ...base, kind: "failed", failure: entry.failure };
    }
    return this.#leaveOpen(task, tools, "notRecorded");
  }

  /** Takes no port, so that nothing goes on from it. */
  #leaveOpen(task: NodeTask, tools: NodeTools, answer: "notRecorded" | "notComputed"): NodeEnd {
    const { id } = task.compiled.node;
    this.#answers.set(`${id}:${task.item}`, answer);
    if (answer === "notRecorded") this.#missing.push({ nodeId: id, item: task.item });
    return { kind: "done", output: null, ports: [], attempt: 1, attempts: [], startedAt: tools.clock.now() };
  }

  /** Whether a node depends on one that has no answer: within an item on that item's, after a loop on any item's. */
  #isOpen(nodeId: string, item: number): boolean {
    const { loopOf } = this.#version.plan;
    const before = this.#ancestors.get(nodeId) ?? new Set();
    const loop = loopOf.get(nodeId);
    return this.#missing.some((missing) => {
      const missingLoop = loopOf.get(missing.nodeId);
      if (missingLoop === undefined) return before.has(missing.nodeId);
      if (missingLoop === loop) return missing.item === item && before.has(missing.nodeId);
      return missingLoop === nodeId || before.has(missingLoop);
    });
  }
}

/** Ports through which nothing is written and nobody is called. Code still runs in its sandbox, and files may be read. */
function closedPorts(open: NodePorts, onReach: () => void): NodePorts {
  const closed = (): Promise<never> => {
    onReach();
    return Promise.reject(new NodeError("A dry rerun reaches nothing outside.", { errorClass: "REFUSED", code: "NODE_INTERNAL" }));
  };
  return {
    sandbox: open.sandbox,
    files: { read: (fileId) => open.files.read(fileId), save: closed },
    http: { send: closed },
    dial: { connect: closed },
    credentials: { open: closed },
    memory: { remember: closed, exchange: closed },
    aiTokens: { hold: closed },
  };
}

/** By node id: every node from which it can be reached. */
function ancestorsOf({ plan }: CompiledVersion): ReadonlyMap<string, ReadonlySet<string>> {
  const ancestors = new Map<string, Set<string>>();
  for (const { node, incoming } of plan.nodes) {
    const own = new Set<string>();
    for (const { from } of incoming) {
      const source = plan.nodes[from]?.node.id ?? "";
      own.add(source);
      for (const id of ancestors.get(source) ?? []) own.add(id);
    }
    ancestors.set(node.id, own);
  }
  return ancestors;
}
