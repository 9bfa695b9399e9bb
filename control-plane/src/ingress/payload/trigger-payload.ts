import type { IncomingHttpHeaders } from "node:http";
import type { JsonObject } from "@fluxo/core/json";
import { parseBody } from "./body.ts";
import { parseFields } from "./fields.ts";
import { recordedHeaders } from "./headers.ts";

/** A request that has passed authentication. */
export interface ReceivedRequest {
  readonly method: string;
  /** The target as sent: path and query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly receivedAt: Date;
}

/**
 * What workflows see as `trigger`: `{ method, headers, query, body, receivedAt }`. The path is left out: it holds the hook's token.
 * @throws RequestError MALFORMED_JSON, VALIDATION_FAILED or UNSUPPORTED_MEDIA_TYPE
 */
export function toTriggerPayload(request: ReceivedRequest, secretHeaders: ReadonlySet<string>): JsonObject {
  const queryStart = request.url.indexOf("?");
  return {
    method: request.method,
    headers: recordedHeaders(request.headers, secretHeaders),
    query: queryStart === -1 ? {} : parseFields(request.url.slice(queryStart + 1), "query"),
    body: parseBody(request.headers["content-type"], request.body),
    receivedAt: request.receivedAt.toISOString(),
  };
}
