import { nodeTiers } from "@fluxo/nodes/catalog";
import type { Lifecycle } from "@fluxo/runtime/lifecycle";
import { EndedExecutions } from "./execution/ended-executions.ts";
import { Engine, type EngineOptions } from "./execution/engine.ts";
import { createExecutionStore, type ExecutionStoreOptions } from "./execution/execution-store.ts";

/** Two engines over the same leases: each collects its writes by itself. */
export interface Lanes {
  /** For what comes by events, batches of a backlog among them. */
  readonly events: Engine;
  /** For what the fast lane brings: its few writes never wait for the statements of a backlog. */
  readonly fast: Engine;
}

export interface LaneOptions {
  readonly store: Omit<ExecutionStoreOptions, "nodeTiers">;
  readonly engine: Omit<EngineOptions, "store" | "ended">;
  /** For running executions, at the stop. */
  readonly stopDeadlineMs: number;
}

/** Constructs the engines and registers how they end. */
export function createLanes({ store, engine, stopDeadlineMs }: LaneOptions, lifecycle: Lifecycle): Lanes {
  const stores = [createExecutionStore({ ...store, nodeTiers: nodeTiers() }), createExecutionStore({ ...store, nodeTiers: nodeTiers() })] as const;
  const ended = new EndedExecutions();
  const [events, fast] = [new Engine({ ...engine, ended, store: stores[0] }), new Engine({ ...engine, ended, store: stores[1] })];
  engine.leases.start();
  lifecycle.onStop("journal", async () => {
    await Promise.all(stores.map((each) => each.drain()));
  });
  lifecycle.onStop("leases", () => engine.leases.stop());
  lifecycle.onStop(
    "executions",
    async () => {
      await Promise.all([events.stop(stopDeadlineMs), fast.stop(stopDeadlineMs)]);
    },
    { timeoutMs: stopDeadlineMs + 1_000 },
  );
  return { events, fast };
}
