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

/** A body on its way. */
export interface BodyReader {
  /** The raw body. Rejects with RequestError BODY_TOO_LARGE (at once when Content-Length says so by far) or CallerGoneError; nobody needs to look. */
  readonly body: Promise<Buffer>;
  /** Keeps nothing of what is still to come: nobody wants it any more. */
  discard(): void;
}

/** Begins to read a body of at most `maxBytes`. Called in the request's first turn, so that nothing of it is missed when the caller goes away. */
export function startBody(request: IncomingMessage, maxBytes: number): BodyReader {
  const declared = declaredBytes(request);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  promise.catch(() => undefined);
  let chunks: Buffer[] = [];
  let keptBytesMax = maxBytes;
  let bytes = 0;
  const discard = (): void => {
    keptBytesMax = 0;
    chunks = [];
  };
  if (declared === 0 || (declared === undefined && request.headers["transfer-encoding"] === undefined)) {
    resolve(EMPTY);
    return { body: promise, discard };
  }
  if (declared !== undefined && declared > maxBytes + DISCARDED_BYTES_MAX) {
    reject(tooLarge(maxBytes, false));
    return { body: promise, discard };
  }
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= keptBytesMax) chunks.push(chunk);
    else discard();
    if (bytes > maxBytes + DISCARDED_BYTES_MAX) reject(tooLarge(maxBytes, false));
  });
  request.once("end", () => {
    if (bytes > maxBytes) reject(tooLarge(maxBytes, true));
    else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
  });
  request.once("error", (error) => reject(new CallerGoneError("The request broke off.", { cause: error })));
  // Every request closes: an error is made only where it says something.
  request.once("close", () => {
    if (!request.readableEnded) reject(new CallerGoneError("The request broke off."));
  });
  return { body: promise, discard };
}

function declaredBytes(request: IncomingMessage): number | undefined {
  const text = request.headers["content-length"];
  return text === undefined ? undefined : Number(text);
}

function tooLarge(maxBytes: number, isRead: boolean): RequestError {
  const options = { detail: `The body is larger than ${maxBytes} bytes.` };
  return isRead ? new RequestError("BODY_TOO_LARGE", options) : new UnreadBodyError("BODY_TOO_LARGE", options);
}
