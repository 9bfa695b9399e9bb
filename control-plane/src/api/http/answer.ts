import type { Access, RequestContext } from "../access/access.ts";
import type { ApiServices } from "../services.ts";

/** What a handler answers, without the types of its route. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: unknown;
  readonly content?: AsyncIterable<Uint8Array>;
}

/** A request that passed every check of its route, without the types of it. */
export interface GivenRequest {
  readonly access: Access | undefined;
  readonly context: RequestContext;
  readonly params: unknown;
  readonly query: unknown;
  readonly headers: unknown;
  readonly body: unknown;
}

/** A handler without its own types, which `Handlers` has checked: the router gives it what its route promises. */
export type AnyHandler = (request: never, services: ApiServices) => Promise<Answer> | Answer;
