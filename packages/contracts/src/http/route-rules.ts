import { z } from "zod";
import type { RouteDefinition } from "./route.ts";

/** Whether a route reads the header by itself. */
export function takesHeader(route: RouteDefinition, name: string): boolean {
  return route.headers !== undefined && Object.hasOwn(route.headers.shape, name);
}

/** Whether the first answer to a request with an Idempotency-Key is kept and given again: to its caller, so not where anybody may call. */
export function keepsAnswers(route: RouteDefinition): boolean {
  return route.method === "post" && route.scope !== "public" && route.repeatable === undefined && !takesHeader(route, "Idempotency-Key");
}

/** Whether each request leaves an entry in the audit log. */
export function isAudited(route: RouteDefinition): boolean {
  return route.method === "get" ? route.isExport === true : route.unaudited === undefined;
}

/** Whether a request is one transaction, with what is recorded of it. */
export function isOneTransaction(route: RouteDefinition): boolean {
  return route.method !== "get" && (keepsAnswers(route) || (isAudited(route) && route.repeatable === undefined));
}

/** The operation that reads what this one updates or deletes, whose entity tag is then asked for in If-Match; undefined where there is none, or where the route reads the header by itself. */
export function readerOf(route: RouteDefinition, routes: Readonly<Record<string, RouteDefinition>>): RouteDefinition | undefined {
  const changed = route.changes ?? (route.method === "post" ? undefined : route.path);
  if (route.method === "get" || changed === undefined || takesHeader(route, "If-Match")) return undefined;
  return Object.values(routes).find(({ method, path }) => method === "get" && path === changed);
}

/** Whether the answers of a route have an entity tag: all that are read as JSON. */
export function isTagged(route: RouteDefinition): boolean {
  return route.method === "get" && route.responses[200]?.body !== undefined;
}

/** What a read can be narrowed to. */
export interface FieldChoice {
  /** Whether the fields are those of the elements of `data`. */
  readonly isList: boolean;
  /** All names; undefined where the objects may have any. */
  readonly names: readonly string[] | undefined;
}

/** The fields that a read can be narrowed to; undefined for operations that do not offer it. */
export function fieldsOf(route: RouteDefinition): FieldChoice | undefined {
  const body = route.responses[200]?.body;
  if (route.method !== "get" || !(body instanceof z.ZodObject)) return undefined;
  const { data } = body.shape;
  if (data instanceof z.ZodArray) {
    const names = namesOf(data.element);
    return names === "none" ? undefined : { isList: true, names };
  }
  const names = namesOf(body);
  return names === "none" ? undefined : { isList: false, names };
}

function namesOf(schema: unknown): readonly string[] | undefined | "none" {
  if (schema instanceof z.ZodObject) return schema.def.catchall === undefined || schema.def.catchall instanceof z.ZodNever ? Object.keys(schema.shape) : undefined;
  if (schema instanceof z.ZodUnion) {
    const options = schema.options.map(namesOf);
    if (options.includes("none")) return "none";
    return options.includes(undefined) ? undefined : [...new Set(options.flatMap((names) => names ?? []))];
  }
  return "none";
}
