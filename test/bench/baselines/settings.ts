/** What the processes that Fluxo is compared with are told, by their environment. */
export interface BaselineSettings {
  readonly port: number;
  readonly secret: string;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly inngestUrl: string;
  readonly inngestEventKey: string;
  readonly inngestSigningKey: string;
}

/** The settings as environment variables. */
export function toEnvironment(settings: BaselineSettings): Readonly<Record<string, string>> {
  return { FLUXO_BENCH_SETTINGS: JSON.stringify(settings) };
}

/** The settings of this process. */
export function readSettings(): BaselineSettings {
  return JSON.parse(process.env["FLUXO_BENCH_SETTINGS"] ?? "") as BaselineSettings;
}

/** The header with the signature: HMAC-SHA256 of the body, in hexadecimal. */
export const SIGNATURE_HEADER = "x-signature";

/** Executions of the BullMQ baseline go through this queue. */
export const QUEUE_NAME = "bench";

/** The event of the bare Inngest function, and its number of steps. */
export const BARE_EVENT = "bench/run";
export interface BareEventData {
  readonly key: string;
  readonly steps: number;
}

/** When the work of one event was begun and finished. Milliseconds since 1970. */
export interface Finish {
  readonly key: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

/** Milliseconds since 1970 with their fraction. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
