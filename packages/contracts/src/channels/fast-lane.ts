import { z } from "zod";

/**
 * Redis list (below the installation's prefix) by which intake hands executions to workers at once. Its entries are hints: the outbox has every
 * execution too, and the claim lets only one starter in. So what is lost or dropped here costs time, never work.
 */
export const FAST_LANE_LIST = "executions:fast-lane";

/** A list with so many entries is a backlog: nothing is added to it. */
export const FAST_LANE_ENTRIES_MAX = 64;

/** Executions of one tenant that one intake statement hands over; more of them at once are a backlog. */
export const FAST_LANE_TENANT_ENTRIES_MAX = 4;

/** Executions of one tenant that one process hands over in a second; a tenant that sends more is one with a backlog, until it sends less. */
export const FAST_LANE_TENANT_PER_SECOND_MAX = 10;

/** What is older was overtaken by the outbox. Also how long the list stays when nobody takes from it. */
export const FAST_LANE_AGE_MAX_MS = 5_000;

export const fastLaneEntrySchema = z.strictObject({
  version: z.literal(1),
  tenantId: z.uuid(),
  executionId: z.uuid(),
  /** Milliseconds since 1970 by the clock of the process that handed it over. */
  handedOverAt: z.int().min(0),
});
export type FastLaneEntry = z.output<typeof fastLaneEntrySchema>;
