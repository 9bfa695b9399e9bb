import type { Graph } from "@fluxo/core/graph/graph";
import type { JsonObject } from "@fluxo/core/json";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import type { ClaimedExecution, JournalEntry } from "@fluxo/prisma/executions/claim";
import type { JournalRow } from "@fluxo/prisma/executions/journal";
import type { Settlement } from "@fluxo/prisma/executions/settle";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createNodePorts } from "../../../node-ports/node-ports.ts";
import { ExecutionRun, type RunResult } from "../../execution-run.ts";
import { compileVersion } from "../../version-cache.ts";

const EXECUTION_ID = "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";
const metrics = createMetrics(createRegistry());

/** Chance: which of the things that are under way happens next, and whether a write that was under way at a crash is there. */
export type Choose = () => number;

/** What an execution came to. */
export interface Outcome {
  readonly settlement: Settlement;
  /** In plan order, without instants and stacks. */
  readonly journal: readonly JsonObject[];
  readonly crashes: number;
  /** Most requests and writes that were under way at the same time. */
  readonly mostInWork: number;
}

/**
 * Runs a graph with the real nodes, where everything that takes time (a request, a write of the journal) happens when chance wants it, and workers die.
 * The journal keeps the rules of `fluxo_record`. @param crashAfter steps that each worker lives for, in turn; the last one lives on
 * @throws Error when the execution stands still, or a node runs again that the journal tells to be finished
 */
export async function simulate(graph: Graph, input: JsonObject, choose: Choose, crashAfter: readonly number[] = []): Promise<Outcome> {
  const world = new World(graph, input, choose);
  let crashes = 0;
  for (const steps of [...crashAfter, Number.POSITIVE_INFINITY]) {
    const result = await world.work(steps);
    if (result === "crashed") crashes += 1;
    else if (result.kind === "settle") return { settlement: result.settlement, journal: world.journal, crashes, mostInWork: world.mostInWork };
  }
  throw new Error("The last worker does not crash.");
}

/** Something that is under way. */
interface Pending {
  readonly happen: () => void;
  /** What a crash may leave behind. */
  readonly atCrash: () => void;
}

class World {
  readonly #version: ReturnType<typeof compileVersion>;
  readonly #input: JsonObject;
  readonly #choose: Choose;
  readonly #rows = new Map<string, JournalRow>();
  #pending: Pending[] = [];
  #epoch = 0;
  #nowMs = Date.UTC(2026, 0, 5);
  #ids = 0;
  #defect: Error | undefined;
  mostInWork = 0;

  constructor(graph: Graph, input: JsonObject, choose: Choose) {
    this.#version = compileVersion(graph);
    this.#input = input;
    this.#choose = choose;
  }

  get journal(): JsonObject[] {
    return [...this.#rows.values()]
      .toSorted((left, right) => left.position - right.position || left.item - right.item)
      .map(({ nodeId, item, status, attempt, ports, output, failure, reason }) => {
        const told = { nodeId, item, status, attempt, ports, output, code: failure?.code ?? null, message: failure?.message ?? null, reason };
        return JSON.parse(JSON.stringify(told).replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<instant>")) as JsonObject;
      });
  }

  /** One worker: claims, runs through delays, and settles, unless it dies after so many steps. */
  async work(steps: number): Promise<"crashed" | Extract<RunResult, { kind: "settle" }>> {
    for (let left = steps; ; ) {
      this.#epoch += 1;
      const run = this.#createRun(this.#epoch);
      const ended: { result?: RunResult } = {};
      void run.run().then(
        (result) => {
          ended.result = result;
        },
        (error: unknown) => {
          this.#defect = new Error("The run failed.", { cause: error });
        },
      );
      while (ended.result === undefined) {
        await new Promise(setImmediate);
        if (this.#defect !== undefined) throw this.#defect;
        if (ended.result !== undefined) break;
        if (left <= 0) return this.#crash(run);
        left -= 1;
        this.mostInWork = Math.max(this.mostInWork, this.#pending.length);
        const [next] = this.#pending.splice(this.#choose() % Math.max(1, this.#pending.length), 1);
        if (next === undefined) throw new Error("Nothing is under way, and the execution has not ended.");
        next.happen();
      }
      const { result } = ended;
      if (result.kind === "lost") throw new Error("Nobody took the lease.");
      if (result.settlement.status !== "WAITING") return result;
      if (!("resumeAt" in result.settlement) || result.settlement.resumeAt === null) throw new Error("It waits for nothing that comes.");
      this.#nowMs = result.settlement.resumeAt.getTime();
    }
  }

  #crash(run: ExecutionRun): "crashed" {
    run.lose();
    for (const { atCrash } of this.#pending) atCrash();
    this.#pending = [];
    return "crashed";
  }

  #createRun(epoch: number): ExecutionRun {
    return new ExecutionRun(this.#claimed(epoch), this.#version, {
      tools: { clock: this.#clock(), random: () => 0, ports: createNodePorts({ http: this.#provider() }), metrics },
      ids: { next: () => `00000000-0000-7000-8000-${String((this.#ids += 1)).padStart(12, "0")}` },
      record: (rows) => this.#record(rows, epoch),
      startChild: () => Promise.reject(new Error("No node of these graphs calls a workflow.")),
      isHeld: () => epoch === this.#epoch,
      onCommitted: () => undefined,
    });
  }

  #claimed(epoch: number): ClaimedExecution {
    const now = new Date(this.#nowMs);
    const entries = [...this.#rows.values()].toSorted((left, right) => left.position - right.position || left.item - right.item).map((row): JournalEntry => ({ ...row, startedAt: row.startedAt?.toISOString() ?? null, resumeAt: row.resumeAt?.toISOString() ?? null, child: null }));
    return {
      ...{ tenantId: EXECUTION_ID, executionId: EXECUTION_ID, epoch, versionId: EXECUTION_ID, workflowId: EXECUTION_ID, triggerNodeId: "start", input: this.#input },
      ...{ queuedAt: now, startedAt: now, claimedAt: now, isCanceled: false, journal: structuredClone(entries) },
    };
  }

  #clock(): Clock {
    return {
      now: () => new Date(this.#nowMs),
      // Nothing here times out.
      sleep: (_ms, signal) => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true })),
    };
  }

  /** Fails where the path says so: `bad0` for even items, `bad1` for odd ones. `limited` asks the first attempt to come again in half a minute. */
  #provider(): HttpPort {
    return {
      send: async ({ url }) => {
        const [, kind = "", nodeId = "", index = ""] = new URL(url).pathname.split("/");
        const row = this.#rows.get(`${nodeId} ${index}`);
        if (row !== undefined && row.status !== "RUNNING" && row.status !== "WAITING") this.#defect = new Error(`${nodeId} ran again for item ${index}.`);
        if (row?.status === "WAITING" && (row.resumeAt?.getTime() ?? 0) > this.#nowMs) this.#defect = new Error(`${nodeId} came again too early for item ${index}.`);
        await new Promise<void>((resolve) => this.#pending.push({ happen: resolve, atCrash: () => undefined }));
        const isLimited = kind === "limited" && row?.status !== "WAITING";
        const status = isLimited ? 429 : kind === `bad${Number(index) % 2}` ? 404 : 200;
        return { status, headers: { "content-type": "application/json", ...(isLimited ? { "retry-after": "30" } : {}) }, body: Buffer.from(JSON.stringify({ nodeId, index })), url };
      },
    };
  }

  async #record(rows: readonly JournalRow[], epoch: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#pending.push({
        happen: () => {
          this.#write(rows, epoch);
          resolve(true);
        },
        // The commit may have gone through although nobody was told.
        atCrash: () => {
          if (this.#choose() % 2 === 0) this.#write(rows, epoch);
        },
      });
    });
  }

  #write(rows: readonly JournalRow[], epoch: number): void {
    if (new Set(rows.map(({ nodeId, item }) => `${nodeId} ${item}`)).size < rows.length) this.#defect = new Error("A statement names a row twice.");
    if (epoch !== this.#epoch) this.#defect = new Error("A late writer is not fenced.");
    for (const row of rows) {
      const key = `${row.nodeId} ${row.item}`;
      const known = this.#rows.get(key);
      if (known?.reason === "DELAY" && row.reason === "DELAY") this.#defect = new Error(`${key} waits already and is put off.`);
      if (known === undefined || known.status === "RUNNING" || known.status === "WAITING" || known.status === "SKIPPED") this.#rows.set(key, structuredClone(row));
      else this.#defect = new Error(`${key} was recorded as ${known.status} and is written again.`);
    }
  }
}
