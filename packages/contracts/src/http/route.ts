import type { RequestErrorCode } from "@fluxo/core/errors/codes";
import type { z } from "zod";
import type { Scope } from "./scopes.ts";

export type Method = "get" | "post" | "put" | "patch" | "delete";

/**
 * Whose things an operation touches, and so who may call it. `none`: nobody's, no key. `caller`: what the caller itself sees. `operator`: the
 * operator's; agencies and tenants are refused. `agency`: the agency's; the operator, and whoever is bound to tenants, are refused. `tenant`: one
 * tenant's; whoever reaches several names it in the Fluxo-Tenant header. `tenants`: the same, or all
 * that the caller reaches when it names none; only lists. `pathTenant`: the tenant in the path.
 */
export type Subject = "none" | "caller" | "operator" | "agency" | "tenant" | "tenants" | "pathTenant";

/** One way in which an operation succeeds. */
export interface RouteResponse {
  readonly description: string;
  readonly body?: z.ZodType;
  /** Bytes instead of JSON, which the handler gives in parts: what they are. */
  readonly content?: string;
  /** Header name → what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Everything about one operation of the admin API: the router validates by it, the OpenAPI document is generated from it. */
export interface RouteDefinition {
  readonly operationId: string;
  readonly method: Method;
  /** Parameters in braces: `/v1/workflows/{workflowId}`. */
  readonly path: `/${string}`;
  /** Of a POST that changes the thing at another path: that path. What reads it then gives the entity tag that If-Match is compared with. */
  readonly changes?: `/${string}`;
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  /** The scope a key must carry; `authenticated` asks for any valid key, `public` for none. */
  readonly scope: Scope | "authenticated" | "public";
  readonly subject: Subject;
  /** Whether an event token in the query `token` stands for a key; of routes about one execution. */
  readonly acceptsEventToken?: boolean;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** Keys are header names as documented. */
  readonly headers?: z.ZodObject;
  /** The JSON body; one whose schema is optional may be absent. */
  readonly body?: z.ZodType;
  readonly responses: Readonly<Record<number, RouteResponse>>;
  /**
   * Of a POST: why a repeat of it does no harm, so that it takes no Idempotency-Key. Absent: it does, and unless the operation reads the header by itself, a repeat is answered with
   * the first answer, which is kept with the change. Operations that act outside of PostgreSQL or take long need such a reason: the others are one transaction.
   */
  readonly repeatable?: string;
  /** Of an operation that is no GET: why it leaves no entry in the audit log. */
  readonly unaudited?: string;
  /** Whether a form of a page of this API may send it with a session: it takes no body, and the origin is all that is checked. */
  readonly isForm?: true;
  /** Of a GET that gives away more than one thing: it leaves an entry in the audit log. */
  readonly isExport?: true;
  /** The refusals of this operation, besides those that every operation of its shape has. */
  readonly problems: readonly RequestErrorCode[];
}

/** Keeps the exact types of a route while checking its shape. */
export function defineRoute<const R extends RouteDefinition>(route: R): R {
  return route;
}

type OutputOf<R, K extends string> = R extends { readonly [P in K]: infer S extends z.ZodType } ? z.output<S> : undefined;

/** The validated parts of a request, with their types. */
export interface RouteInput<R extends RouteDefinition> {
  readonly params: OutputOf<R, "params">;
  readonly query: OutputOf<R, "query">;
  readonly headers: OutputOf<R, "headers">;
  readonly body: OutputOf<R, "body">;
}

type BodyOf<T> = T extends { readonly body: infer S extends z.ZodType }
  ? { readonly body: z.input<S> }
  : T extends { readonly content: string }
    ? { readonly content: AsyncIterable<Uint8Array> }
    : { readonly body?: undefined };

/** What a handler may answer: one of the responses that the route declares. */
export type RouteResult<R extends RouteDefinition> = {
  [S in keyof R["responses"]]: { readonly status: S; readonly headers?: Readonly<Record<string, string | readonly string[]>> } & BodyOf<R["responses"][S]>;
}[keyof R["responses"]];
