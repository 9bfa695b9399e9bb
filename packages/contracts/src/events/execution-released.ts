import { z } from "zod";

/**
 * Concurrency classes: one Inngest function each, because a function's limit is fixed. The number is how many runs of one tenant Inngest lets happen at
 * once: the coarse ceiling above every plan of the class. What a tenant may really run at once is counted in its slots.
 */
export const CONCURRENCY_CLASSES = { small: 4, medium: 16, large: 64, huge: 256 } as const;
export type ConcurrencyClass = keyof typeof CONCURRENCY_CLASSES;

/** The smallest class whose ceiling is not below what a plan lets run at once. */
export function concurrencyClassFor(concurrencyMax: number): ConcurrencyClass {
  const classes = (Object.keys(CONCURRENCY_CLASSES) as ConcurrencyClass[]).toSorted((left, right) => CONCURRENCY_CLASSES[left] - CONCURRENCY_CLASSES[right]);
  return classes.find((candidate) => CONCURRENCY_CLASSES[candidate] >= concurrencyMax) ?? "huge";
}

export const concurrencyClassSchema = z.enum(Object.keys(CONCURRENCY_CLASSES) as [ConcurrencyClass, ...ConcurrencyClass[]]);

/** Executions of one tenant that one event may release. */
export const EXECUTIONS_PER_EVENT_MAX = 100;

/** Events of one tenant that a batched function takes at once, and how long leftovers of a burst wait for company. */
export const BATCH_EVENTS_MAX = 10;
export const BATCH_TIMEOUT_SECONDS = 1;

/** Set while more tenants have a backlog than Inngest has starts for, and the event releases few executions: the function then takes several events at once. Never set on an event with a future time. */
const bulk = z.boolean();

/** Says that executions may be claimed. It carries references only; the truth is the executions' rows. */
export const executionReleasedSchema = z.discriminatedUnion("version", [
  /** One execution. */
  z.strictObject({ version: z.literal(1), tenantId: z.uuid(), executionId: z.uuid(), bulk }),
  /** Several executions of one tenant. */
  z.strictObject({ version: z.literal(2), tenantId: z.uuid(), executionIds: z.array(z.uuid()).min(2).max(EXECUTIONS_PER_EVENT_MAX), bulk }),
]);
export type ExecutionReleased = z.output<typeof executionReleasedSchema>;

/** The executions that an event releases. */
export function releasedExecutions(data: ExecutionReleased): readonly string[] {
  return data.version === 1 ? [data.executionId] : data.executionIds;
}

/** The event's name for a class: one function listens to one name. */
export function executionReleasedEvent(concurrencyClass: ConcurrencyClass): `fluxo/execution.released.${ConcurrencyClass}` {
  return `fluxo/execution.released.${concurrencyClass}`;
}
