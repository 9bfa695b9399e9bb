/** The part of k6's own modules that the scenarios use (k6 v1, https://grafana.com/docs/k6/latest/javascript-api/). They exist inside k6 only. */

declare module "k6/http" {
  export interface HttpResponse {
    /** 0 when there was no answer. */
    readonly status: number;
    readonly body: string | null;
    /** By canonical name: `Retry-After`. */
    readonly headers: Readonly<Record<string, string>>;
    readonly timings: { readonly duration: number };
  }
  export interface RequestParams {
    readonly headers?: Readonly<Record<string, string>>;
    readonly tags?: Readonly<Record<string, string>>;
    /** Milliseconds. */
    readonly timeout?: number;
  }
  interface Http {
    request(method: string, url: string, body?: string, params?: RequestParams): HttpResponse;
  }
  const http: Http;
  export default http;
}

declare module "k6/metrics" {
  class Metric<T> {
    constructor(name: string, isTime?: boolean);
    add(value: T, tags?: Readonly<Record<string, string>>): void;
  }
  export class Counter extends Metric<number> {}
  export class Rate extends Metric<boolean> {}
  export class Trend extends Metric<number> {}
}

declare module "k6/crypto" {
  export function hmac(algorithm: "sha256", secret: ArrayBuffer, data: string, encoding: "base64"): string;
}

declare module "k6/encoding" {
  export function b64decode(text: string): ArrayBuffer;
}

declare module "k6/execution" {
  interface Execution {
    readonly scenario: { readonly name: string; readonly iterationInTest: number };
  }
  const exec: Execution;
  export default exec;
}

declare module "k6/options" {
  interface Common {
    readonly exec?: string;
    readonly startTime?: string;
    readonly gracefulStop?: string;
  }
  interface Vus {
    readonly preAllocatedVUs: number;
    readonly maxVUs: number;
    readonly timeUnit?: string;
  }
  export type Scenario = Common &
    (
      | ({ readonly executor: "constant-arrival-rate"; readonly rate: number; readonly duration: string } & Vus)
      | ({ readonly executor: "ramping-arrival-rate"; readonly startRate: number; readonly stages: readonly { readonly target: number; readonly duration: string }[] } & Vus)
      | { readonly executor: "constant-vus"; readonly vus: number; readonly duration: string }
    );
  export interface Options {
    readonly scenarios: Readonly<Record<string, Scenario>>;
    readonly thresholds: Readonly<Record<string, readonly string[]>>;
    readonly summaryTrendStats: readonly string[];
    readonly discardResponseBodies?: boolean;
  }
}

/** Variables given with `--env`. */
declare const __ENV: Readonly<Record<string, string | undefined>>;
/** The text of a file; only while a script is loaded. */
declare function open(file: string): string;
