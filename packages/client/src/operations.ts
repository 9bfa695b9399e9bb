import type { RouteDefinition } from "@fluxo/contracts/http/route";
import type { OperationId, Routes } from "@fluxo/contracts/http/routes";
import type { z } from "zod";

type PartOf<R, K extends string> = R extends { readonly [P in K]: infer S extends z.ZodType } ? z.input<S> : undefined;

/** A part of a request: absent where the route has none, optional where everything in it is. */
type Part<K extends string, T> = [T] extends [undefined] ? { readonly [P in K]?: undefined } : undefined extends T ? { readonly [P in K]?: T } : Record<string, never> extends T ? { readonly [P in K]?: T } : { readonly [P in K]: T };

/** What an operation is called with. `tenantId`: the tenant that it is about, for operations on one tenant's things with an agency key. */
export type InputOf<I extends OperationId> = Part<"params", PartOf<Routes[I], "params">> &
  Part<"query", PartOf<Routes[I], "query">> &
  Part<"headers", PartOf<Routes[I], "headers">> &
  Part<"body", PartOf<Routes[I], "body">> & { readonly tenantId?: string };

type ResponsesOf<I extends OperationId> = Routes[I]["responses"];
type BodyOf<T> = T extends { readonly body: infer S extends z.ZodType } ? z.output<S> : undefined;

/** How an operation succeeds: `status` tells which of the bodies it is. */
export type OutputOf<I extends OperationId> = { [S in keyof ResponsesOf<I>]: { readonly status: S; readonly body: BodyOf<ResponsesOf<I>[S]>; readonly headers: Headers } }[keyof ResponsesOf<I>];

/** Operations that need nothing but the key, and those that must be given something. */
export type ArgumentsOf<I extends OperationId, Extra> = Record<string, never> extends InputOf<I> ? [input?: InputOf<I>, extra?: Extra] : [input: InputOf<I>, extra?: Extra];

/** Operations whose answer is one page of a list. */
export type ListOperation = { [I in OperationId]: OutputOf<I> extends { readonly body: { readonly data: readonly unknown[]; readonly nextPageToken: string | null } } ? I : never }[OperationId];
export type ItemOf<I extends ListOperation> = OutputOf<I> extends { readonly body: { readonly data: readonly (infer T)[] } } ? T : never;

/** An input without its types, as it is sent. */
export interface AnyInput {
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
  readonly tenantId?: string | undefined;
}

/** The path of an operation with its parameters filled in and its query. @throws TypeError when a parameter is missing */
export function addressOf({ path, operationId }: Pick<RouteDefinition, "path" | "operationId">, { params = {}, query = {} }: AnyInput): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => {
    const value = Object.hasOwn(params, name) ? params[name] : undefined;
    if (typeof value !== "string" && typeof value !== "number") throw new TypeError(`${operationId} needs the parameter ${name}.`);
    return encodeURIComponent(String(value));
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) if (item !== undefined && item !== null) search.append(name, textOf(item));
  }
  return search.size === 0 ? filled : `${filled}?${search.toString()}`;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
