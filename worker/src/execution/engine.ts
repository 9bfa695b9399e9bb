import type { NodeChange } from "@fluxo/contracts/channels/node-status";
import { toNodeFailure } from "@fluxo/core/errors/failure";
import type { ErrorCode } from "@fluxo/core/errors/codes";
import { NodeError } from "@fluxo/core/errors/node-error";
import { normalizeMessage } from "@fluxo/core/errors/normalize";
import type { IdSource } from "@fluxo/core/ports/clock";
import type { ExecutionStatus } from "@fluxo/core/status/execution-status";
import { catalog } from "@fluxo/nodes/catalog";
import type { ClaimedExecution } from "@fluxo/prisma/executions/claim";
import type { Settlement } from "@fluxo/prisma/executions/settle";
import type { Logger } from "@fluxo/runtime/logger";
import type { ChannelOf, StatusChannel } from "../channels/status-publisher.ts";
import { EndedExecutions } from "./ended-executions.ts";
import { ExecutionRun } from "./execution-run.ts";
import type { ExecutionStore } from "./execution-store.ts";
import type { LeaseKeeper } from "./lease-keeper.ts";
import type { NodeTools } from "./node-runner.ts";
import { VersionCache, type VersionOutcome } from "./version-cache.ts";

/** Hears, after the commit, which executions have an answer for a caller that may wait for it. Neither throws nor waits. */
export type Announce = (executionIds: readonly string[]) => void;

export interface EngineOptions {
  readonly store: ExecutionStore;
  readonly leases: LeaseKeeper;
  readonly tools: NodeTools;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly announce: Announce;
  /** What ended in this process, when several engines share it. */
  readonly ended?: EndedExecutions;
  /** Where those who watch hear of changes of status; absent where nobody can. */
  readonly channel?: StatusChannel;
}

/** What became of a batch: counts only, small enough to be a step output. */
export interface BatchReport {
  readonly claimed: number;
  readonly blocked: number;
  /** Held back because the quota is used up. */
  readonly parked: number;
  readonly skipped: number;
  /** Without a slot when the call ended; the next settle of the tenant wakes them. */
  readonly starved: number;
}

const RESPOND_TYPE = catalog.respond.type;

/** Executions of one claim: it locks and reads each of them, also those for which there is no slot. */
const CLAIM_MAX = 50;

/** The worker stops: it takes no more work. */
export class EngineStoppingError extends Error {
  override readonly name = "EngineStoppingError";

  constructor() {
    super("This worker stops and takes no more executions.");
  }
}

/** The execution engine: `claimAndRun` is the one door by which executions run, whoever asks. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #versions: VersionCache;
  readonly #active = new Set<Promise<void>>();
  readonly #ended: EndedExecutions;
  #isStopping = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#ended = options.ended ?? new EndedExecutions();
    this.#versions = new VersionCache((tenantId, ids) => options.store.loadGraphs(tenantId, ids));
  }

  /**
   * Admits, leases and runs executions of one tenant. Safe to call for any id at any time: what cannot be claimed is skipped. Executions without a slot
   * are claimed as soon as others of the same call end. What this process has ended is skipped without asking.
   * @throws EngineStoppingError, or what the database threw: what runs by then runs on, and what was claimed but could not be read is taken over when its lease is over
   */
  async claimAndRun(tenantId: string, executionIds: readonly string[]): Promise<BatchReport> {
    if (this.#isStopping) throw new EngineStoppingError();
    const report = { claimed: 0, blocked: 0, parked: 0, skipped: 0, starved: 0 };
    const running = new Set<Promise<void>>();
    const asked = [...new Set(executionIds)];
    let open = asked.filter((executionId) => !this.#ended.has(executionId));
    report.skipped = asked.length - open.length;
    for (;;) {
      if (open.length > 0 && !this.#isStopping) {
        const claimBegunMs = performance.now();
        const [asking, later] = [open.slice(0, CLAIM_MAX), open.slice(CLAIM_MAX)];
        const isRunning = running.size > 0;
        const { claimed, blocked, parked, skipped, starved } = await this.#options.store.claim(tenantId, asking, isRunning);
        report.claimed += claimed.length;
        report.blocked += blocked.length;
        report.parked += parked.length;
        report.skipped += skipped.length;
        if (blocked.length > 0) this.#options.announce(blocked.map(({ executionId }) => executionId));
        for (const { executionId, reason } of blocked) this.#tell({ tenantId, executionId }, "BLOCKED", reason);
        for (const executionId of parked) this.#tell({ tenantId, executionId }, "WAITING", "QUOTA");
        for (const run of await this.#start(tenantId, claimed, claimBegunMs)) {
          running.add(run);
          void run.then(() => running.delete(run));
        }
        // With nothing claimed and nothing running, the starved are queued for the next settle of the tenant by now.
        const areKept = isRunning || claimed.length > 0;
        if (!areKept) report.starved += starved.length;
        open = areKept ? [...starved, ...later] : later;
        if (open.length > 0 && (starved.length === 0 || running.size === 0)) continue;
      }
      if (running.size === 0) return report;
      await (open.length === 0 || this.#isStopping ? Promise.all(running) : Promise.race(running));
      // Runs that end in the same turn free their slots together.
      await new Promise(setImmediate);
    }
  }

  /** Takes no more work and waits for what runs, at most `deadlineMs`. What still runs then is given up by the lease keeper's stop. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    const deadline = new AbortController();
    await Promise.race([Promise.all(this.#active), this.#options.tools.clock.sleep(deadlineMs, deadline.signal).catch(() => undefined)]);
    deadline.abort();
  }

  async #start(tenantId: string, claimed: readonly ClaimedExecution[], claimBegunMs: number): Promise<Promise<void>[]> {
    if (claimed.length === 0) return [];
    this.#options.tools.metrics.executionsStarted.inc(claimed.length);
    const versions = await this.#versions.get(tenantId, new Set(claimed.map(({ versionId }) => versionId)));
    return claimed.map((execution) => {
      const run = this.#run(execution, versions.get(execution.versionId), claimBegunMs);
      this.#active.add(run);
      void run.finally(() => this.#active.delete(run));
      return run;
    });
  }

  /** Runs one execution to its settlement. Never throws: an execution that cannot be run fails alone, never its batch. */
  async #run(claimed: ClaimedExecution, version: VersionOutcome | undefined, claimBegunMs: number): Promise<void> {
    const { leases, logger } = this.#options;
    const { executionId, tenantId, epoch } = claimed;
    const lost = new AbortController();
    // What cannot be read may have a caller that waits.
    const awaited = version?.kind === "compiled" ? version.version.awaited.get(claimed.triggerNodeId) : "lastNode";
    try {
      if (version?.kind !== "compiled") throw version?.error ?? new NodeError("The version is not there.", { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
      this.#tell(claimed, "RUNNING", null);
      const { channel } = this.#options;
      const run = new ExecutionRun(claimed, version.version, {
        ...(channel === undefined ? {} : { onNode: (change: NodeChange) => channel.node(claimed, change) }),
        tools: this.#options.tools,
        ids: this.#options.ids,
        startChild: (item, signal) => this.#options.store.startChild(item, signal),
        record: (rows, signal) => this.#options.store.record(rows, signal),
        isHeld: () => leases.isHeld(executionId, epoch),
        onCommitted: ({ node }) => {
          if (awaited === "respondNode" && node.type === RESPOND_TYPE) this.#options.announce([executionId]);
        },
      });
      const lose = (): void => {
        lost.abort();
        run.lose();
      };
      leases.add({ tenantId, executionId, epoch, lose, cancel: () => run.cancel() }, claimBegunMs);
      const result = await run.run();
      if (result.kind === "settle") await this.#settle(claimed, result.settlement, awaited !== undefined, lost.signal);
    } catch (error) {
      logger.error({ err: error, executionId, tenantId }, "execution failed outside of its nodes");
      await this.#settle(claimed, unreadable(error), awaited !== undefined, lost.signal).catch((cause: unknown) => {
        logger.error({ err: cause, executionId, tenantId }, "execution could not be settled; its lease will run out");
      });
    } finally {
      leases.remove(executionId, epoch);
    }
  }

  async #settle(claimed: ClaimedExecution, settlement: Settlement, isAwaited: boolean, signal: AbortSignal): Promise<void> {
    const { tenantId, executionId, epoch } = claimed;
    const isSettled = await this.#options.store.settle({ tenantId, executionId, epoch, settlement, payloadId: this.#options.ids.next() }, signal);
    if (isSettled) {
      if (settlement.status !== "WAITING") this.#ended.add(executionId);
      this.#options.tools.metrics.executionsSettled.inc({ status: settlement.status });
      this.#tell(claimed, settlement.status, settlement.status === "WAITING" ? settlement.reason : null);
      if (isAwaited && settlement.status !== "WAITING") this.#options.announce([executionId]);
    } else {
      this.#options.logger.warn({ executionId, tenantId, epoch, status: settlement.status }, "settlement was fenced");
    }
  }

  #tell(of: ChannelOf, status: ExecutionStatus, reason: string | null): void {
    this.#options.channel?.execution(of, { status, reason, at: this.#options.tools.clock.now().toISOString() });
  }
}

function unreadable(error: unknown): Settlement {
  const { message, stack } = toNodeFailure(error, { id: "", type: "", integration: null, attempt: 0 }, new Date(0));
  const code: ErrorCode = error instanceof NodeError ? error.code : "NODE_INTERNAL";
  return { status: "FAILED", output: { results: {}, failures: [] }, error: { code, message: normalizeMessage(message), stack: stack ?? null, nodeId: null } };
}
