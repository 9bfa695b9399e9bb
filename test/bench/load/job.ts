/** A request that is sent again and again, byte for byte. */
export interface Target {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the load generator is to do. It ends after `requests`, or after `durationMs`, whichever is given. */
export interface LoadJob {
  /** Taken in turns. All have the same port. */
  readonly targets: readonly [Target, ...Target[]];
  readonly connections: number;
  readonly requests?: number;
  readonly durationMs?: number;
  /** Sends at this rate, whether answers come or not; without it, each connection sends when it has its answer. */
  readonly perSecond?: number;
}

export interface LoadReport {
  /** When the first request was sent. Milliseconds since 1970. */
  readonly startedAtMs: number;
  /** From the first request to the last answer. */
  readonly durationMs: number;
  /** Answers with a 2xx status. */
  readonly accepted: number;
  /** Other answers, by status. */
  readonly refused: Readonly<Record<string, number>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the generator over the wall-clock time of the job: the cores that it took away. */
  readonly cores: number;
}
