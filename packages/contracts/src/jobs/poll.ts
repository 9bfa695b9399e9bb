import { z } from "zod";

/** Kinds of sources that are looked at over the network, by jobs of a queue per kind. */
export const POLLED_KINDS = ["email", "rss", "file"] as const;
export type PolledKind = (typeof POLLED_KINDS)[number];

/** The queue of a kind, below the installation's prefix. */
export function pollQueueName(kind: PolledKind): string {
  return `polls-${kind}`;
}

/** Who holds the lease of a trigger whose job waits in the queue. */
export function queueOwner(kind: PolledKind): string {
  return `queue:${kind}`;
}

/** Order to look at a source. A hint: whether there is still something to look at is asked of PostgreSQL when the job begins. */
export const pollJobSchema = z.strictObject({
  version: z.literal(1),
  tenantId: z.uuid(),
  triggerId: z.uuid(),
  /** What may only be used by so many looks at one time: the host, the tenant. */
  limits: z.array(z.strictObject({ key: z.string().min(1).max(300), max: z.int().min(1) })).max(5),
});
export type PollJob = z.output<typeof pollJobSchema>;

/** The same due instant of the same trigger is one job, whoever orders it. */
export function pollJobId(triggerId: string, dueAt: Date): string {
  return `${triggerId}-${dueAt.getTime()}`;
}
