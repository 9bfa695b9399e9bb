import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES, type OperationId } from "@fluxo/contracts/http/routes";
import { FluxoUnreachable, toFluxoError } from "./errors.ts";
import { readEvents, type ServerSentEvent } from "./events.ts";
import { addressOf, type AnyInput, type ArgumentsOf, type InputOf, type ItemOf, type ListOperation, type OutputOf } from "./operations.ts";
import { asksAgain, DEFAULT_RETRY, retryAfterOf, waitBefore, type RetryPolicy } from "./retry.ts";

export interface ClientOptions {
  /** Where the admin API is: `https://fluxo.example.com`. */
  readonly baseUrl: string;
  /** Sent as bearer token; absent for operations that need none. */
  readonly apiKey?: string;
  /** The tenant that operations are about unless they name another; for agency keys. */
  readonly tenantId?: string;
  readonly retry?: Partial<RetryPolicy>;
  /** Told apart in Fluxo's audit log. */
  readonly userAgent?: string;
  readonly fetch?: typeof fetch;
  /** Waits between two sends; injected by tests. */
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly random?: () => number;
  /** Makes idempotency keys. */
  readonly newKey?: () => string;
}

/** What a single call may say beside its input. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Of a POST: makes it safe to repeat, also by another process later. A new one per call when absent. */
  readonly idempotencyKey?: string;
}

interface Send {
  readonly route: RouteDefinition;
  readonly input: AnyInput;
  readonly options: CallOptions;
}

/**
 * The admin API with the types of its own route table: one method for all operations, so that a new route needs no new code here. Requests that may be
 * repeated are: reads, PUT and DELETE always, POST under an idempotency key that the client makes. `Retry-After` is honored.
 */
export class FluxoClient {
  readonly #options: ClientOptions;
  readonly #baseUrl: string;
  readonly #retry: RetryPolicy;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#retry = { ...DEFAULT_RETRY, ...options.retry };
  }

  /** The same client on behalf of a tenant. */
  forTenant(tenantId: string): FluxoClient {
    return new FluxoClient({ ...this.#options, tenantId });
  }

  /**
   * Calls an operation.
   * @throws FluxoError when Fluxo refuses it or fails, FluxoUnreachable when there is no answer of Fluxo's, the signal's reason
   */
  async call<I extends OperationId>(operationId: I, ...[input, options = {}]: ArgumentsOf<I, CallOptions>): Promise<OutputOf<I>> {
    const response = await this.#request({ route: ROUTES[operationId], input: input ?? {}, options });
    const content = await response.text();
    const body: unknown = content === "" ? undefined : JSON.parse(content);
    return { status: response.status, body, headers: response.headers } as OutputOf<I>;
  }

  /** The bytes of an operation that answers a file, as they come. @throws as `call`, and when the answer breaks off */
  async *content<I extends OperationId>(operationId: I, ...[input, options = {}]: ArgumentsOf<I, CallOptions>): AsyncGenerator<Uint8Array> {
    const response = await this.#request({ route: ROUTES[operationId], input: input ?? {}, options });
    if (response.body !== null) yield* response.body;
  }

  /** Every item of a list, page after page, as they are asked for. @throws as `call` */
  async *items<I extends ListOperation>(operationId: I, ...[input, options = {}]: ArgumentsOf<I, CallOptions>): AsyncGenerator<ItemOf<I>> {
    const given = (input ?? {}) as AnyInput;
    for (let pageToken: string | null | undefined; pageToken !== null; ) {
      const query = { limit: 100, ...given.query, ...(pageToken === undefined ? {} : { pageToken }) };
      const response = await this.#request({ route: ROUTES[operationId], input: { ...given, query }, options });
      const page = (await response.json()) as { readonly data: readonly ItemOf<I>[]; readonly nextPageToken: string | null };
      yield* page.data;
      pageToken = page.nextPageToken;
    }
  }

  /**
   * The live events of an execution until it has ended: reconnects, and goes on after the last event that it saw.
   * @throws as `call`
   */
  async *events(executionId: string, options: CallOptions & { readonly tenantId?: string } = {}): AsyncGenerator<ServerSentEvent> {
    const { tenantId, ...rest } = options;
    for (let lastId: string | undefined; ; ) {
      const input: InputOf<"streamExecutionEvents"> = { params: { executionId }, ...(lastId === undefined ? {} : { headers: { "Last-Event-ID": lastId } }), ...(tenantId === undefined ? {} : { tenantId }) };
      const response = await this.#request({ route: ROUTES.streamExecutionEvents, input, options: rest });
      try {
        if (response.body !== null) for await (const event of readEvents(response.body)) {
          if (event.id !== "") lastId = event.id;
          yield event;
          if (event.event === "end") return;
        }
      } catch (error) {
        if (rest.signal?.aborted === true) throw error;
      }
      await this.#sleep(this.#retry.delayMs, rest.signal);
    }
  }

  async #request(send: Send): Promise<Response> {
    const { route, options } = send;
    const key = route.method === "post" ? (options.idempotencyKey ?? (this.#options.newKey ?? randomUUID)()) : undefined;
    const isRepeatable = route.method !== "patch";
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.#send(send, key).catch((error: unknown) => {
        if (options.signal?.aborted === true) throw options.signal.reason;
        return new FluxoUnreachable(`${this.#baseUrl} does not answer.`, { cause: error, idempotencyKey: key });
      });
      if (answer instanceof Response && answer.ok) return answer;
      const failure = answer instanceof Response ? await failureOf(answer, key) : answer;
      const isWorthIt = answer instanceof Response ? asksAgain(answer.status) : isRepeatable;
      const retryAfterMs = answer instanceof Response ? retryAfterOf(answer.headers.get("retry-after"), Date.now()) : undefined;
      const waitMs = isWorthIt ? waitBefore(this.#retry, attempt, retryAfterMs, (this.#options.random ?? Math.random)()) : undefined;
      if (waitMs === undefined) throw failure;
      await this.#sleep(waitMs, options.signal);
    }
  }

  #send({ route, input, options }: Send, key: string | undefined): Promise<Response> {
    const { apiKey, tenantId, userAgent, fetch: send = fetch } = this.#options;
    const headers = new Headers({ accept: "application/json", ...(userAgent === undefined ? {} : { "user-agent": userAgent }) });
    if (apiKey !== undefined) headers.set("authorization", `Bearer ${apiKey}`);
    const tenant = input.tenantId ?? tenantId;
    if (tenant !== undefined && (route.subject === "tenant" || route.subject === "tenants")) headers.set("fluxo-tenant", tenant);
    if (key !== undefined) headers.set("idempotency-key", key);
    for (const [name, value] of Object.entries(input.headers ?? {})) if (typeof value === "string") headers.set(name, value);
    if (input.body !== undefined) headers.set("content-type", "application/json");
    return send(`${this.#baseUrl}${addressOf(route, input)}`, {
      method: route.method.toUpperCase(),
      headers,
      redirect: "error",
      ...(input.body === undefined ? {} : { body: JSON.stringify(input.body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  }

  async #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { sleep: wait = (duration: number, abort?: AbortSignal) => sleep(duration, undefined, abort === undefined ? {} : { signal: abort }) } = this.#options;
    await wait(ms, signal);
  }
}

async function failureOf(answer: Response, idempotencyKey: string | undefined): Promise<Error> {
  return toFluxoError(await answer.text()) ?? new FluxoUnreachable(`There was an answer with the status ${answer.status} that is not Fluxo's.`, { idempotencyKey });
}
