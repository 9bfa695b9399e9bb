import type { RouteDefinition } from "@fluxo/contracts/http/route";
import fc from "fast-check";
import { fromSchema, type Schema } from "../from-schema.ts";
import type { Inhabitant } from "./world.ts";

/** What a caller got, as text: status, headers and everything that came within a moment. */
export interface Seen {
  readonly status: number;
  readonly code: string | undefined;
  readonly text: string;
}

/** What streams for ever is read for so long. Milliseconds. */
const STREAM_MS = 400;

/** Who asks: a key, or what a page of a person sends. */
export type Caller = string | Readonly<Record<string, string>>;

/** Sends a request and reads its answer, also of a stream that does not end. */
export async function send(url: string, caller: Caller, route: RouteDefinition, path: string, { body, tenantId }: { readonly body?: unknown; readonly tenantId?: string | undefined } = {}): Promise<Seen> {
  const stop = new AbortController();
  const response = await fetch(`${url}${path}`, {
    method: route.method.toUpperCase(),
    signal: stop.signal,
    redirect: "manual",
    headers: { ...(typeof caller === "string" ? { authorization: `Bearer ${caller}` } : caller), ...(tenantId === undefined ? {} : { "fluxo-tenant": tenantId }), ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const timer = isStream ? setTimeout(() => stop.abort(), STREAM_MS) : undefined;
  let content = "";
  try {
    for await (const part of response.body ?? []) content += Buffer.from(part as Uint8Array).toString("utf8");
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  clearTimeout(timer);
  const code: unknown = response.headers.get("content-type")?.startsWith("application/problem+json") === true ? (JSON.parse(content) as { code?: unknown }).code : undefined;
  return { status: response.status, code: typeof code === "string" ? code : undefined, text: `${[...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n")}\n${content}` };
}

/** Values that name nobody's things. */
const COMMON: Readonly<Record<string, string>> = { type: "set" };

/**
 * The path of a route with somebody's ids in it.
 * @param over values that go before the inhabitant's
 * @throws Error for a parameter that nobody has: whoever adds a route adds its things to the world of this test
 */
export function pathOf(route: RouteDefinition, { ids, mark }: Inhabitant, over: Readonly<Record<string, string>> = {}): string {
  return route.path.replaceAll(/\{(\w+)\}/g, (_whole, name: string) => {
    const id = over[name] ?? ids[name] ?? COMMON[name];
    if (id === undefined) throw new Error(`The world of this test has no ${name} for ${route.operationId} (${mark}): make one in testing/isolation/world.ts.`);
    return encodeURIComponent(id);
  });
}

/** What a query must hold, where it must. */
const QUERIES: Readonly<Record<string, string>> = {
  from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z", month: "2026-11", format: "json", by: "workflowId", metric: "executions", granularity: "day",
};

/** A query that passes, with somebody's ids in every parameter that takes one. */
export function queryOf(route: RouteDefinition, { ids }: Inhabitant, isWithIds: boolean): string {
  const entries = Object.entries(route.query?.shape ?? {}).flatMap(([name, schema]): [string, string][] => {
    if (isWithIds && ids[name] !== undefined) return [[name, ids[name]]];
    if (!schema.safeParse(undefined).success && QUERIES[name] !== undefined) return [[name, QUERIES[name]]];
    return [];
  });
  return entries.length === 0 ? "" : `?${new URLSearchParams(entries).toString()}`;
}

/** The JSON schema of a route's body in the API document. */
export function bodySchema(document: unknown, route: RouteDefinition): Schema | undefined {
  return ["paths", route.path, route.method, "requestBody", "content", "application/json", "schema"].reduce<unknown>((value, name) => (typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined), document) as Schema | undefined;
}

/** Names take nearly every character, of which making them up costs seconds: letters are enough here. */
function withPlainNames<T>(schema: T): T {
  return JSON.parse(JSON.stringify(schema), (key, value: unknown) => (key === "pattern" && typeof value === "string" && value.includes(String.raw`\P{Cc}`) ? "^[a-z]{1,12}$" : value)) as T;
}

/** Bodies that a schema allows; always the same ones. */
export function bodiesOf(schema: Schema, components: Readonly<Record<string, Schema>>, count: number): unknown[] {
  return fc.sample(fromSchema(withPlainNames(schema), withPlainNames(components)), { numRuns: count, seed: 7 });
}

const ID_NAMES: Readonly<Record<string, string>> = { errorWorkflowId: "workflowId", executionIds: "executionId", tenantIds: "tenantId", workflowIds: "workflowId", rerunOf: "executionId" };

/** Texts that name nothing of another: whoever sends them gets them back. */
const NO_IDS: ReadonlySet<string> = new Set(["nodeId", "number", "key", "externalId"]);

/** A body with somebody's ids wherever it names something, at any depth. @returns the body and how many ids were put into it */
export function withIds(body: unknown, owner: Inhabitant): { readonly body: unknown; readonly count: number } {
  let count = 0;
  const walk = (value: unknown, name: string): unknown => {
    const id = owner.ids[name] ?? owner.ids[ID_NAMES[name] ?? ""];
    if (typeof value === "string" && id !== undefined && !NO_IDS.has(name)) {
      count += 1;
      return id;
    }
    if (Array.isArray(value)) return value.map((inner) => walk(inner, name));
    if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, walk(inner, key)]));
    return value;
  };
  return { body: walk(body, ""), count };
}
