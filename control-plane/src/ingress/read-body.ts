import type { IncomingMessage } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import { UnreadBodyError } from "./problem.ts";

/** Largest body of a hook request. Bytes. */
export const BODY_BYTES_MAX = 1_048_576;

/** What is read and thrown away of a body that is too large, so that its sender gets to read the answer. What is larger still loses its connection. Bytes. */
const DISCARDED_BYTES_MAX = 4_194_304;

const EMPTY = Buffer.alloc(0);

/** The caller went away before its body was complete: nothing was recorded, and nobody waits for an answer. */
export class CallerGoneError extends Error {
  override readonly name = "CallerGoneError";
}

/** @throws RequestError UNSUPPORTED_MEDIA_TYPE for a packed body: signatures are over the bytes as sent, and unpacking invites bombs */
export function refuseEncodedBody(contentEncoding: string | undefined): void {
  const encoding = contentEncoding?.trim().toLowerCase() ?? "";
  if (encoding !== "" && encoding !== "identity") throw new RequestError("UNSUPPORTED_MEDIA_TYPE", { detail: "The body must be sent without a Content-Encoding." });
}

/** Bytes that the body may need: as declared, the largest allowed when it is sent in chunks, 0 without a body. */
export function expectedBytes(request: IncomingMessage, maxBytes: number): number {
  const declared = declaredBytes(request);
  if (declared !== undefined) return Math.min(declared, maxBytes);
  return request.headers["transfer-encoding"] === undefined ? 0 : maxBytes;
}

/**
 * The raw body, of at most `maxBytes`.
 * @throws RequestError BODY_TOO_LARGE, also before anything is read when Content-Length says so; CallerGoneError
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const declared = declaredBytes(request);
  if (declared === 0 || (declared === undefined && request.headers["transfer-encoding"] === undefined)) return Promise.resolve(EMPTY);
  if (declared !== undefined && declared > maxBytes + DISCARDED_BYTES_MAX) return Promise.reject(tooLarge(maxBytes, false));
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else chunks = [];
      if (bytes > maxBytes + DISCARDED_BYTES_MAX) reject(tooLarge(maxBytes, false));
    });
    request.once("end", () => {
      if (bytes > maxBytes) reject(tooLarge(maxBytes, true));
      else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, bytes));
    });
    request.once("error", (error) => reject(new CallerGoneError("The request broke off.", { cause: error })));
    request.once("close", () => reject(new CallerGoneError("The request broke off.")));
  });
}

function declaredBytes(request: IncomingMessage): number | undefined {
  const text = request.headers["content-length"];
  return text === undefined ? undefined : Number(text);
}

function tooLarge(maxBytes: number, isRead: boolean): RequestError {
  const options = { detail: `The body is larger than ${maxBytes} bytes.` };
  return isRead ? new RequestError("BODY_TOO_LARGE", options) : new UnreadBodyError("BODY_TOO_LARGE", options);
}
