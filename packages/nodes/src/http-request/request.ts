import type { NodeContext } from "@fluxo/core/node/executor";
import type { HttpRequest } from "@fluxo/core/ports/http";
import type { Scalars } from "../schemas/scalar.ts";
import { isForm, type HttpRequestParams } from "./definition.ts";

const IDEMPOTENCY_KEY = "Idempotency-Key";

/** Methods that change nothing, so that a repeat needs no key. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** The request that the parameters describe. */
export function requestOf(params: HttpRequestParams, context: NodeContext): HttpRequest {
  const body = bodyOf(params);
  return {
    method: params.method,
    url: urlOf(params),
    headers: headersOf(params, context.idempotencyKey, body?.contentType),
    ...(body === undefined ? {} : { body: body.text }),
    timeoutMs: context.timeoutMs,
    maxResponseBytes: params.maxResponseBytes,
    signal: context.signal,
  };
}

/** Leaves the query of the URL as it is written and adds to it. */
function urlOf({ url: text, query }: HttpRequestParams): string {
  const url = new URL(text);
  const added = encoded(query);
  if (added !== "") {
    url.search = url.search.length > 1 ? `${url.search}&${added}` : added;
  }
  url.hash = "";
  return url.href;
}

function headersOf(params: HttpRequestParams, idempotencyKey: string, contentType: string | undefined): Record<string, string> {
  const entries = Object.entries(params.headers).map(([name, value]): [string, string] => [name, String(value)]);
  const names = new Set(entries.map(([name]) => name.toLowerCase()));
  if (contentType !== undefined && !names.has("content-type")) {
    entries.push(["Content-Type", contentType]);
  }
  if (!SAFE_METHODS.has(params.method) && !names.has(IDEMPOTENCY_KEY.toLowerCase())) {
    entries.push([IDEMPOTENCY_KEY, idempotencyKey]);
  }
  return Object.fromEntries(entries);
}

function bodyOf({ body, bodyType }: HttpRequestParams): { readonly text: string; readonly contentType: string } | undefined {
  if (body === undefined) {
    return undefined;
  }
  switch (bodyType) {
    case "json":
      return { text: JSON.stringify(body), contentType: "application/json" };
    case "text":
      return { text: typeof body === "string" ? body : "", contentType: "text/plain; charset=utf-8" };
    case "form":
      return { text: isForm(body) ? encoded(body) : "", contentType: "application/x-www-form-urlencoded" };
    case "none":
      return undefined;
    default:
      return bodyType satisfies never;
  }
}

function encoded(fields: Readonly<Record<string, Scalars>>): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((item): [string, string] => [name, String(item)]));
  return new URLSearchParams(pairs).toString();
}
