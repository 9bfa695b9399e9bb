import { z } from "zod";

/**
 * Concurrency classes: one Inngest function each, because a function's limit is fixed. The number is how many runs of one tenant Inngest lets happen at
 * once: the coarse ceiling above every plan of the class. What a tenant may really run at once is counted in its slots.
 */
export const CONCURRENCY_CLASSES = { small: 4, medium: 16, large: 64, huge: 256 } as const;
export type ConcurrencyClass = keyof typeof CONCURRENCY_CLASSES;

export const concurrencyClassSchema = z.enum(Object.keys(CONCURRENCY_CLASSES) as [ConcurrencyClass, ...ConcurrencyClass[]]);

/** Executions of one tenant that a batched function takes at once, and how long leftovers of a burst wait for company. */
export const BATCH_SIZE_MAX = 50;
export const BATCH_TIMEOUT_SECONDS = 1;

/** Says that an execution may be claimed. It carries references only; the truth is the execution's row. */
export const executionReleasedSchema = z.strictObject({
  version: z.literal(1),
  tenantId: z.uuid(),
  executionId: z.uuid(),
  /** Set while the tenant has a backlog: the function then takes these in batches. Never set on an event with a future time. */
  bulk: z.boolean(),
});
export type ExecutionReleased = z.output<typeof executionReleasedSchema>;

/** The event's name for a class: one function listens to one name. */
export function executionReleasedEvent(concurrencyClass: ConcurrencyClass): `fluxo/execution.released.${ConcurrencyClass}` {
  return `fluxo/execution.released.${concurrencyClass}`;
}
