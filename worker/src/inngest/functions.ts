import {
  BATCH_EVENTS_MAX,
  BATCH_TIMEOUT_SECONDS,
  CONCURRENCY_CLASSES,
  executionReleasedEvent,
  executionReleasedSchema,
  releasedExecutions,
  type ConcurrencyClass,
} from "@fluxo/contracts/events/execution-released";
import type { Logger } from "@fluxo/runtime/logger";
import type { Inngest, InngestFunction } from "inngest";
import type { BatchReport, Engine } from "../execution/engine.ts";

/**
 * One function per concurrency class. A lone event starts at once; small events of a tenant with a backlog come in batches. The function has no steps:
 * what is done is in the journal, and a repeated call finds it there. An unreachable worker uses attempts up, so there are many; what is lost after
 * them, the relay's sweep sends again.
 */
export function executionFunctions(client: Inngest, engine: Pick<Engine, "claimAndRun">, logger: Logger): InngestFunction.Any[] {
  return (Object.keys(CONCURRENCY_CLASSES) as ConcurrencyClass[]).map((concurrencyClass) =>
    client.createFunction(
      {
        id: `execute-${concurrencyClass}`,
        triggers: [{ event: executionReleasedEvent(concurrencyClass) }],
        retries: 20,
        concurrency: [{ key: "event.data.tenantId", limit: CONCURRENCY_CLASSES[concurrencyClass] }],
        batchEvents: { maxSize: BATCH_EVENTS_MAX, timeout: `${BATCH_TIMEOUT_SECONDS}s`, key: "event.data.tenantId", if: "event.data.bulk == true" },
      },
      async ({ events }) => runEvents(events.map((event: { data?: unknown }) => event.data), engine, logger),
    ),
  );
}

/** Runs the executions that events name, tenant by tenant. An event that no schema knows is logged and dropped: the sweep finds its executions. */
async function runEvents(payloads: readonly unknown[], engine: Pick<Engine, "claimAndRun">, logger: Logger): Promise<BatchReport[]> {
  const byTenant = new Map<string, string[]>();
  for (const payload of payloads) {
    const parsed = executionReleasedSchema.safeParse(payload);
    if (!parsed.success) {
      logger.error({ err: parsed.error }, "event refused: it fits no known version");
      continue;
    }
    const ids = byTenant.get(parsed.data.tenantId) ?? [];
    ids.push(...releasedExecutions(parsed.data));
    byTenant.set(parsed.data.tenantId, ids);
  }
  return Promise.all([...byTenant].map(([tenantId, ids]) => engine.claimAndRun(tenantId, ids)));
}
