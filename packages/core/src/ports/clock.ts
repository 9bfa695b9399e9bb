/** The wall clock of a process. Leases never use it: their only clock is the database's. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Source of new identifiers: UUID version 7 (RFC 9562), so that they sort by time of creation. */
export interface IdSource {
  next(): string;
}

/** Source of randomness for jitter: a number in [0, 1). */
export type Random = () => number;
