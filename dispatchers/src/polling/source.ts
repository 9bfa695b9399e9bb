import type { ClaimedTrigger } from "@fluxo/prisma/dispatch/claim";
import type { EntryChanges, MarkedItem, ParkedItem, SeenItem } from "@fluxo/prisma/dispatch/commit";
import type { Json } from "@fluxo/core/json";

/** What one look at a source found. */
export interface PollResult {
  /** The position after everything in here. */
  readonly cursor: Json;
  /** In the order of the source. Empty at the baseline, which emits nothing. */
  readonly items: readonly SeenItem[];
  /** Occurrences that become no execution by a rule of the kind. */
  readonly marks: readonly MarkedItem[];
  /** Poison: the source goes on without them. */
  readonly parked: readonly ParkedItem[];
  /** There is more than one look may take: look again at once. */
  readonly hasMore: boolean;
  /** How long to wait until the next look, unless the trigger's own interval says otherwise. */
  readonly waitMs?: number;
  /** Look again after this time already, should the trigger's own interval be longer: something is half seen. The plan's floor stays. */
  readonly soonMs?: number;
  /** What the kind remembers entry by entry, where that is too much for a cursor. */
  readonly entries?: EntryChanges;
}

/** A look at a source: what it is given besides the claim. */
export interface PollContext {
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/**
 * A kind of source that is looked at again and again. It keeps no state of its own: where it stands is the cursor, which moves in the transaction that
 * records what was seen (I3). The first look, without a cursor, takes a baseline and emits nothing.
 */
export interface PolledSource {
  readonly kind: string;
  /** Milliseconds between two looks that the trigger asks for. */
  intervalMs(config: Json): number;
  /** What a look at this trigger uses that only so many looks may use at one time: its host, its tenant. */
  limits(claimed: ClaimedTrigger): readonly { readonly key: string; readonly max: number }[];
  /** @throws NodeError when the source cannot be looked at; an item that cannot be read is parked instead */
  poll(claimed: ClaimedTrigger, context: PollContext): Promise<PollResult>;
}
