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
  /** Called again and again by a look that takes long: begins its time, and the lease, anew when a part of them is over. @throws when the lease is another's by now, and then `signal` is aborted */
  readonly keep: () => Promise<void>;
}

/**
 * A kind of source that is looked at again and again. It keeps no state of its own: where it stands is the cursor, which moves in the transaction that
 * records what was seen (I3). The first look, without a cursor, takes a baseline and emits nothing.
 */
export interface PolledSource {
  readonly kind: string;
  /** Milliseconds between two looks that the trigger asks for. Never throws, see `intervalMsOf`. */
  intervalMs(config: Json): number;
  /** What a look at this trigger uses that only so many looks may use at one time: its host, its tenant. Never throws, whatever the parameters: looks are ordered many at a time. */
  limits(claimed: ClaimedTrigger): readonly { readonly key: string; readonly max: number }[];
  /** @throws NodeError when the source cannot be looked at; an item that cannot be read is parked instead */
  poll(claimed: ClaimedTrigger, context: PollContext): Promise<PollResult>;
}

/** Watching a source over a connection that is held. */
export interface WatchContext {
  /** Aborts when the watch is to end: the process stops, or the lease is not to be kept any more. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Takes a place among the connections to a host, for as long as the watch lasts; false when there is none. */
  readonly takeHost: (host: string) => boolean;
  /** Commits what a look found and keeps the lease; false when another dispatcher holds the trigger by now. @throws what the database threw */
  readonly tell: (found: PollResult) => Promise<boolean>;
}

/** How a watch ended, if not by a failure: it was told to, the connection is gone, or the source cannot be watched (now). */
export type WatchEnd = "stopped" | "gone" | "unable";

/** A kind of source that may tell by itself when there is something to look at. */
export interface WatchableSource extends PolledSource {
  /** Whether a trigger asks for it. */
  isWatched(claimed: ClaimedTrigger): boolean;
  /** Looks, tells and waits, again and again, over one connection that ends with it. Its first look begins at once. @throws NodeError as `poll` */
  watch(claimed: ClaimedTrigger, context: WatchContext): Promise<WatchEnd>;
}
