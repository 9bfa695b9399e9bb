import type { NodeContext } from "@fluxo/core/node/executor";
import type { HttpRequest } from "@fluxo/core/ports/http";
import type { Authentication } from "./authentication.ts";
import { encodeForm, type Body } from "./body.ts";
import type { HttpRequestParams } from "./params.ts";

/** Methods that change nothing, so that a repeat needs no key. */
const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** All that a request is made of, but its URL and what is left of the limits. */
export interface RequestParts {
  readonly params: HttpRequestParams;
  readonly authentication: Authentication;
  readonly body: Body | undefined;
  readonly context: NodeContext;
}

/** The request to `url` that the parameters describe. */
export function requestTo(url: URL, { params, authentication, body, context }: RequestParts, maxResponseBytes: number): HttpRequest {
  const target = new URL(url);
  target.hash = "";
  if (authentication.query !== undefined) {
    target.searchParams.set(authentication.query.name, authentication.query.value);
  }
  return {
    method: params.method,
    url: target.href,
    headers: headersOf(params, authentication, context.idempotencyKey, body?.contentType),
    ...(body === undefined ? {} : { body: body.content }),
    timeoutMs: context.timeoutMs,
    maxResponseBytes,
    signal: context.signal,
  };
}

/** The URL with the query. Leaves the query of the URL as it is written and adds to it. */
export function urlOf({ url: text, query }: HttpRequestParams): URL {
  const url = new URL(text);
  const added = encodeForm(query);
  if (added !== "") {
    url.search = url.search.length > 1 ? `${url.search}&${added}` : added;
  }
  return url;
}

function headersOf(params: HttpRequestParams, { header }: Authentication, idempotencyKey: string, contentType: string | undefined): Record<string, string> {
  const entries = Object.entries(params.headers).map(([name, value]): [string, string] => [name, String(value)]);
  const names = new Set(entries.map(([name]) => name.toLowerCase()));
  if (contentType !== undefined && !names.has("content-type")) {
    entries.push(["Content-Type", contentType]);
  }
  const keyHeader = SAFE_METHODS.has(params.method) ? null : params.idempotencyHeader;
  if (keyHeader !== null && !names.has(keyHeader.toLowerCase())) {
    entries.push([keyHeader, idempotencyKey]);
  }
  if (header !== undefined) {
    entries.push([header.name, header.value]);
  }
  return Object.fromEntries(entries);
}
