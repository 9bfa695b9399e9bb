import { Redactor } from "@fluxo/core/credentials/redactor";
import type { ChildStart } from "@fluxo/core/node/child";
import { NodeError } from "@fluxo/core/errors/node-error";
import { toNodeFailure, type NodeFailure } from "@fluxo/core/errors/failure";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeContext, NodeInput, NodeResult } from "@fluxo/core/node/executor";
import type { LoopWork } from "@fluxo/core/node/loop";
import type { JournalUsage } from "@fluxo/core/node/usage";
import type { Clock, Random } from "@fluxo/core/ports/clock";
import type { PortsOf } from "../node-ports/node-ports.ts";
import { nextAttempt } from "@fluxo/core/retry/policy";
import { jsonBytes } from "@fluxo/core/size";
import type { TemplateContext } from "@fluxo/core/templates/context";
import { executeNode } from "@fluxo/nodes/registry";
import type { Metrics } from "@fluxo/runtime/metrics";
import { NO_ERROR_CLASS } from "@fluxo/runtime/metrics";
import type { Breakers } from "../breakers/breakers.ts";
import { endOfOutage, isOutage } from "../breakers/outage-end.ts";
import { OutageError } from "../breakers/outage-error.ts";
import { INLINE_BACKOFF_MS_MAX, OUTPUT_BYTES_MAX } from "./limits.ts";
import { UsageMeter } from "./usage-meter.ts";
import type { CompiledNode } from "./version-cache.ts";

/** What nodes are run with; the same for all executions of a process. */
export interface NodeTools {
  readonly clock: Clock;
  readonly random: Random;
  readonly ports: PortsOf;
  readonly metrics: Metrics;
  /** Through them attempts reach outside. Absent: every attempt is made. */
  readonly breakers?: Pick<Breakers, "run">;
}

/** One node of one execution, ready to run. */
export interface NodeTask {
  readonly tenantId: string;
  readonly workflowId: string;
  readonly executionId: string;
  readonly compiled: CompiledNode;
  /** The item of the loop around it; 0 outside of loops. */
  readonly item: number;
  readonly inputs: readonly NodeInput[];
  readonly trigger: JsonObject;
  readonly templates: TemplateContext;
  /** Failures of the attempts before, when the node continues after a back-off or a takeover. */
  readonly attempts: readonly NodeFailure[];
  readonly signal: AbortSignal;
  /** Whether another attempt may begin; false once the execution is lost or canceled. */
  readonly mayAct: () => boolean;
  /** Told when an attempt begins, with its number. */
  readonly onAttempt?: (attempt: number) => void;
}

interface NodeEndBase {
  /** The number of the last attempt. */
  readonly attempt: number;
  /** Failures of the attempts before it. */
  readonly attempts: readonly NodeFailure[];
  readonly startedAt: Date;
  /** Of the attempts that were made here. */
  readonly usage?: JournalUsage;
}

/** How running a node ended. `child`: a sub-workflow is to be started. `awaiting`: it was, and its end is waited for. `loop`: it has items, and its body is to be run with them. `aborted`: nothing may be concluded, because the execution was canceled or lost meanwhile. */
export type NodeEnd =
  | (NodeEndBase & { readonly kind: "done"; readonly output: Json; readonly ports: readonly string[] })
  | (NodeEndBase & { readonly kind: "delayed"; readonly output: Json; readonly resumeAt: Date })
  | (NodeEndBase & { readonly kind: "child"; readonly start: ChildStart })
  | (NodeEndBase & { readonly kind: "awaiting"; readonly output: Json })
  | (NodeEndBase & { readonly kind: "loop"; readonly work: LoopWork })
  | (NodeEndBase & { readonly kind: "backoff"; readonly failure: NodeFailure; readonly resumeAt: Date })
  | (NodeEndBase & { readonly kind: "failed"; readonly failure: NodeFailure })
  | { readonly kind: "aborted"; readonly usage?: JournalUsage };

/** Runs a node: attempts, with short back-offs in between, until it ends one way or another. Never throws. */
export async function runNode(task: NodeTask, tools: NodeTools): Promise<NodeEnd> {
  const meter = new UsageMeter();
  const end = await runAttempts(task, tools, meter);
  const usage = meter.total;
  return usage === undefined ? end : { ...end, usage };
}

async function runAttempts(task: NodeTask, tools: NodeTools, meter: UsageMeter): Promise<NodeEnd> {
  const { compiled, signal } = task;
  const startedAt = tools.clock.now();
  const attempts = task.attempts.filter((earlier) => !isOutage(earlier));
  // Of all attempts: one may tell what an earlier one opened.
  const redactor = new Redactor();
  for (;;) {
    if (!task.mayAct()) return { kind: "aborted" };
    const attempt = attempts.length + 1;
    task.onAttempt?.(attempt);
    const base = { attempt, attempts: [...attempts], startedAt };
    let error: unknown;
    try {
      return endOf(await runAttempt({ task, tools, attempt, redactor, meter }), base);
    } catch (thrown) {
      error = compiled.guardsRepeat ? uncertainty(thrown) : thrown;
    }
    if (signal.aborted) return { kind: "aborted" };
    const failure = toNodeFailure(error, { id: compiled.node.id, name: compiled.node.name, type: compiled.node.type, integration: compiled.definition.integration, attempt }, tools.clock.now(), (text) => redactor.message(text));
    // Nothing was attempted, so no attempt is used up.
    if (error instanceof OutageError) return { ...base, attempt: attempts.length, ...endOfOutage(error, failure, task.attempts, tools.clock.now()) };
    const decision = nextAttempt(compiled.retry, attempt, error instanceof NodeError ? error : { errorClass: "INTERNAL", retryAfterMs: undefined }, tools.random);
    if (decision.kind === "giveUp") return { ...base, kind: "failed", failure };
    if (decision.delayMs > INLINE_BACKOFF_MS_MAX) {
      return { ...base, kind: "backoff", failure, resumeAt: new Date(tools.clock.now().getTime() + decision.delayMs) };
    }
    attempts.push(failure);
    try {
      await tools.clock.sleep(decision.delayMs, signal);
    } catch {
      return { kind: "aborted" };
    }
  }
}

/** What an attempt that must not be repeated ended in when nobody knows whether it acted: the provider may have, and only the answer is missing. */
function uncertainty(error: unknown): unknown {
  if (!(error instanceof NodeError) || error.nothingDone || (error.errorClass !== "TIMEOUT" && error.errorClass !== "CONNECTION")) return error;
  return new NodeError(`Whether the act took place is unknown, and the node is set not to repeat it: ${error.message}`, { errorClass: "REFUSED", code: "SIDE_EFFECT_UNCERTAIN", cause: error });
}

function endOf(result: NodeResult, base: NodeEndBase): NodeEnd {
  if (result.kind === "suspended") return { ...base, kind: "delayed", output: result.output, resumeAt: result.resumeAt };
  if (result.kind === "loop") return { ...base, kind: "loop", work: result.work };
  if (result.kind === "child") return { ...base, kind: "child", start: result.start };
  return { ...base, kind: "done", output: result.output, ports: result.ports ?? ["main"] };
}

async function runAttempt(parts: AttemptParts): Promise<NodeResult> {
  const { task, tools, redactor, meter } = parts;
  const { compiled } = task;
  const begunAt = performance.now();
  let errorClass: string = NO_ERROR_CLASS;
  let isMade = true;
  try {
    const params = compiled.params.render(task.templates);
    const act = (): Promise<NodeResult> =>
      withTimeout(task.signal, compiled.timeoutMs, tools.clock, (signal) => executeNode(compiled.node.type, params, nodeContext(parts, signal)));
    const { tenantId, executionId, signal } = task;
    const told = await (tools.breakers === undefined ? act() : tools.breakers.run({ tenantId, executionId, definition: compiled.definition, params, timeoutMs: compiled.timeoutMs, signal }, act));
    if (told.kind === "done" && told.usage !== undefined) meter.add(told.usage);
    const result = redactResult(told, redactor);
    const bytes = jsonBytes(handedOver(result));
    if (bytes > OUTPUT_BYTES_MAX) {
      throw new NodeError(`The output has ${bytes} bytes; a node may output ${OUTPUT_BYTES_MAX}.`, { errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
    }
    return result;
  } catch (error) {
    isMade = !(error instanceof OutageError);
    errorClass = error instanceof NodeError ? error.errorClass : "INTERNAL";
    if (error instanceof NodeError && error.usage !== undefined) meter.add(error.usage);
    throw error;
  } finally {
    if (isMade && !task.signal.aborted) {
      tools.metrics.nodeAttempts.inc({ node_type: compiled.node.type, error_class: errorClass });
      tools.metrics.nodeAttemptDuration.observe({ node_type: compiled.node.type }, (performance.now() - begunAt) / 1_000);
    }
  }
}

/** What of a result is measured before it is recorded; the items of a loop are when they are. */
function handedOver(result: NodeResult): Json {
  if (result.kind === "loop") return null;
  return result.kind === "child" ? result.start.input : result.output;
}

/** What a node leaves behind, without the secrets that it opened: nothing of them may be recorded, and no other node may see them. Loops and calls open none. */
function redactResult(result: NodeResult, redactor: Redactor): NodeResult {
  return redactor.isEmpty || !("output" in result) ? result : { ...result, output: redactor.json(result.output) };
}

interface AttemptParts {
  readonly task: NodeTask;
  readonly tools: NodeTools;
  readonly attempt: number;
  readonly redactor: Redactor;
  readonly meter: UsageMeter;
}

function nodeContext({ task, tools, attempt, redactor, meter }: AttemptParts, signal: AbortSignal): NodeContext {
  const { tenantId, workflowId, executionId, compiled } = task;
  const scope = { tenantId, workflowId, executionId, nodeId: compiled.node.id, item: task.item };
  const ports = tools.ports(scope, redactor);
  return {
    ...scope,
    ...ports,
    http: meter.http({ send: (request) => ports.http.send({ ...request, mayBegin: task.mayAct }) }),
    dial: meter.dial(ports.dial),
    attempt,
    idempotencyKey: `${executionId}:${compiled.node.id}:${scope.item}`,
    inputs: task.inputs,
    trigger: task.trigger,
    signal,
    timeoutMs: compiled.timeoutMs,
    clock: tools.clock,
  };
}

/** Why a time-out is called off. Abort signals that are given no reason make an error with a stack each time. */
const FINISHED = new Error("The node has finished.");

/** Runs `work` with a signal that aborts with `outer` or after the time-out, and does not wait for work that ignores its signal. */
async function withTimeout<R>(outer: AbortSignal, timeoutMs: number, clock: Clock, work: (signal: AbortSignal) => Promise<R> | R): Promise<R> {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(outer.reason);
  if (outer.aborted) onAbort();
  outer.addEventListener("abort", onAbort, { once: true });
  const timer = new AbortController();
  const timedOut = clock.sleep(timeoutMs, timer.signal).then(
    () => {
      const error = new NodeError(`The node did not finish within ${timeoutMs} ms.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" });
      controller.abort(error);
      throw error;
    },
    () => new Promise<never>(() => undefined),
  );
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
  });
  // Whichever loses the race rejects unheard.
  aborted.catch(() => undefined);
  timedOut.catch(() => undefined);
  try {
    return await Promise.race([Promise.resolve().then(() => work(controller.signal)), aborted, timedOut]);
  } finally {
    timer.abort(FINISHED);
    outer.removeEventListener("abort", onAbort);
  }
}
