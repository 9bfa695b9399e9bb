import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { HttpResponse } from "@fluxo/core/ports/http";
import { nextLink } from "./link-header.ts";
import { memberAt } from "./json-path.ts";
import type { Pagination } from "./pagination.ts";
import { responseBytesMax, type HttpRequestParams } from "./params.ts";
import { jsonOf, visibleHeaders } from "./response.ts";

type Paged = Exclude<Pagination, { readonly kind: "none" }>;

/** What one page tells. */
interface Page {
  readonly response: HttpResponse;
  readonly body: Json;
  readonly items: readonly Json[];
  /** From 0. */
  readonly index: number;
}

/** Sends the request for a page; the answer has a status that was asked for and at most so many bytes. */
type SendPage = (url: URL, maxResponseBytes: number) => Promise<HttpResponse>;

/**
 * Reads page after page up to the last or the most that are allowed: their items in their order, and status, headers and URL of the last page.
 * @throws NodeError what `send` throws; RESPONSE_TOO_LARGE over all pages; PROVIDER_FAILED for what is no page, or no way to the next
 */
export async function readPages(first: URL, params: HttpRequestParams & { readonly pagination: Pagination }, send: SendPage): Promise<JsonObject> {
  const pagination = pagedOf(params.pagination);
  const items: Json[] = [];
  const seen = new Set<string>();
  let bytesLeft = responseBytesMax(params);
  let url: URL | undefined = firstUrl(first, pagination);
  for (let index = 0; ; index += 1) {
    seen.add(url.href);
    const response: HttpResponse = await send(url, bytesLeft);
    bytesLeft -= response.body.byteLength;
    const page = pageOf(response, pagination, index);
    items.push(...page.items);
    url = nextUrl(first, page, pagination);
    if (url === undefined || index + 1 === pagination.pagesMax) {
      return { status: response.status, headers: visibleHeaders(response), body: items, url: response.url, pages: index + 1, hasMore: url !== undefined };
    }
    if (seen.has(url.href)) {
      throw unreadable(`page ${index + 1} leads back to a page before it`);
    }
    if (bytesLeft <= 0) {
      throw new NodeError("The pages together are larger than maxResponseBytes.", { errorClass: "DATA", code: "RESPONSE_TOO_LARGE" });
    }
  }
}

function pagedOf(pagination: Pagination): Paged {
  if (pagination.kind === "none") {
    throw new RangeError("There are no pages.");
  }
  return pagination;
}

function pageOf(response: HttpResponse, { itemsPath = "" }: Paged, index: number): Page {
  const body = jsonOf(response);
  const items = memberAt(body, itemsPath);
  if (!Array.isArray(items)) {
    throw unreadable(`page ${index + 1} has no array ${itemsPath === "" ? "as its body" : `at ${itemsPath}`}`);
  }
  return { response, body, items, index };
}

function firstUrl(url: URL, pagination: Paged): URL {
  return pagination.kind === "page" ? withParam(url, pagination.param, String(pagination.first)) : url;
}

/** The URL of the page after this one; undefined when this is the last. */
function nextUrl(first: URL, page: Page, pagination: Paged): URL | undefined {
  switch (pagination.kind) {
    case "link":
      return linkedUrl(first, page);
    case "cursor": {
      const cursor = cursorOf(memberAt(page.body, pagination.cursorPath) ?? null, page.index);
      return cursor === undefined ? undefined : withParam(first, pagination.param, cursor);
    }
    case "page": {
      const isLast = page.items.length === 0 || page.items.length < (pagination.pageSize ?? 0);
      return isLast ? undefined : withParam(first, pagination.param, String(pagination.first + pagination.step * (page.index + 1)));
    }
    default:
      return pagination satisfies never;
  }
}

/** A link to another origin is not followed: what authenticates the request is meant for the first one. */
function linkedUrl(first: URL, { response, index }: Page): URL | undefined {
  const link = nextLink(response.headers["link"] ?? "");
  if (link === undefined) {
    return undefined;
  }
  const url = URL.parse(link, response.url);
  if (url === null || url.origin !== first.origin) {
    throw unreadable(`the link of page ${index + 1} leads to another origin`);
  }
  return url;
}

function cursorOf(cursor: Json, index: number): string | undefined {
  if (cursor === null || cursor === "" || cursor === false) {
    return undefined;
  }
  if (typeof cursor !== "string" && typeof cursor !== "number") {
    throw unreadable(`the cursor of page ${index + 1} is neither a text nor a number`);
  }
  return String(cursor);
}

function withParam(url: URL, name: string, value: string): URL {
  const next = new URL(url);
  next.searchParams.set(name, value);
  return next;
}

function unreadable(what: string): NodeError {
  return new NodeError(`The provider's pages cannot be read: ${what}.`, { errorClass: "DATA", code: "PROVIDER_FAILED" });
}
