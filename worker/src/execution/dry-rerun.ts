import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { IdSource } from "@fluxo/core/ports/clock";
import type { ClaimedExecution } from "@fluxo/prisma/executions/claim";
import type { DryRerunTask } from "@fluxo/prisma/executions/dry-rerun";
import type { JournalRow } from "@fluxo/prisma/executions/journal";
import { bounded, compareJournals, type DryNode } from "./dry-compare.ts";
import { DryNodes } from "./dry-nodes.ts";
import { ExecutionRun } from "./execution-run.ts";
import type { NodeTools } from "./node-runner.ts";
import { compileVersion } from "./version-cache.ts";

/** How long the nodes of one dry rerun may take together. Milliseconds. */
export const DRY_RERUN_MS_MAX = 60_000;

export interface DryRerunParts {
  readonly tenantId: string;
  readonly task: DryRerunTask;
  readonly tools: NodeTools;
  readonly ids: IdSource;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/**
 * Runs a graph with the recorded answers of an execution, in memory, and tells what would be different. Nothing is written and nobody is called.
 * @returns the result as the admin API answers it
 * @throws NodeError when the graph cannot be run by this worker, or it takes too long
 */
export async function runDry({ tenantId, task, tools, ids, signal }: DryRerunParts): Promise<JsonObject> {
  const version = compileVersion(task.graph);
  const nodes = new DryNodes(version, task.journal);
  const rows = new Map<string, JournalRow>();
  const run = new ExecutionRun(claimOf(tenantId, task), version, {
    tools,
    ids,
    record: (given) => {
      for (const row of given) rows.set(`${row.nodeId}:${row.item}`, row);
      return Promise.resolve(true);
    },
    startChild: () => Promise.reject(new NodeError("A dry rerun starts no execution.", { errorClass: "INTERNAL", code: "NODE_INTERNAL" })),
    isHeld: () => !signal.aborted,
    onCommitted: () => undefined,
    runNode: nodes.run,
  });
  const result = await withinTime(run, tools, signal);
  if (result.kind === "lost" || result.settlement.status === "CANCELED" || result.settlement.status === "WAITING") throw tooLong();
  const now = [...rows.values()].toSorted((left, right) => left.position - right.position || left.item - right.item).map((row) => toDryNode(row, nodes));
  const { status, output } = result.settlement;
  const isComplete = now.every(({ answer }) => answer !== "notRecorded" && answer !== "notComputed");
  return { status: status === "FAILED" ? "FAILED" : isComplete ? "SUCCESS" : "INCOMPLETE", ...compareJournals(task.journal, now), output: shownOutput(output) };
}

async function withinTime(run: ExecutionRun, { clock }: NodeTools, signal: AbortSignal): ReturnType<ExecutionRun["run"]> {
  const timer = new AbortController();
  const cancel = (): void => run.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  void clock.sleep(DRY_RERUN_MS_MAX, timer.signal).then(cancel, () => undefined);
  try {
    return await run.run();
  } finally {
    timer.abort();
    signal.removeEventListener("abort", cancel);
  }
}

function tooLong(): NodeError {
  return new NodeError(`The nodes did not finish within ${DRY_RERUN_MS_MAX} ms together.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" });
}

/** Templates see the ids and the instant of the execution that it is compared with: they are no difference. */
function claimOf(tenantId: string, { executionId, workflowId, versionId, triggerNodeId, input, startedAt }: DryRerunTask): ClaimedExecution {
  const instants = { queuedAt: startedAt, startedAt, claimedAt: startedAt };
  return { tenantId, executionId, epoch: 0, versionId, workflowId, triggerNodeId, input, ...instants, isCanceled: false, journal: [] };
}

function toDryNode({ nodeId, nodeName, nodeType, item, status, ports, output, failure }: JournalRow, nodes: DryNodes): DryNode {
  return { nodeId, name: nodeName, type: nodeType, item, status, ports, output, failure, answer: nodes.answerOf(nodeId, item) };
}

function shownOutput(output: Json): Json {
  return bounded("output", output)["output"] ?? null;
}
