import type { Readable, Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib";
import { NodeError } from "@fluxo/core/errors/node-error";

/** Encodings that are asked for. */
export const ACCEPTED_ENCODINGS = "gzip, br";

const MAX_ENCODINGS = 3;
/** What packing may add to a body that it cannot make smaller: headers and checksums. */
const PACKING_OVERHEAD_BYTES = 1_024;

/** The body is larger than the caller allowed, packed or unpacked. */
export function tooLarge(maxBytes: number): NodeError {
  return new NodeError(`The answer is larger than ${maxBytes} bytes.`, { errorClass: "DATA", code: "RESPONSE_TOO_LARGE" });
}

/** The decoders for a Content-Encoding header, outermost first; undefined when one of its encodings is unknown or there are absurdly many. */
export function decodersFor(contentEncoding: string | undefined): Transform[] | undefined {
  const encodings = (contentEncoding ?? "").split(",").map((name) => name.trim().toLowerCase()).filter((name) => name !== "" && name !== "identity");
  if (encodings.length > MAX_ENCODINGS) return undefined;
  const decoders: Transform[] = [];
  for (const encoding of encodings.toReversed()) {
    const decoder = decoderFor(encoding);
    if (decoder === undefined) return undefined;
    decoders.push(decoder);
  }
  return decoders;
}

function decoderFor(encoding: string): Transform | undefined {
  switch (encoding) {
    case "gzip":
    case "x-gzip":
      return createGunzip();
    case "br":
      return createBrotliDecompress();
    case "zstd":
      return createZstdDecompress();
    case "deflate":
      return createInflate();
    default:
      return undefined;
  }
}

/**
 * Reads `source` through `decoders` into memory. Counts bytes before and after decoding as they stream, so that neither a bomb nor an endless
 * stream that unpacks to nothing takes more than `maxBytes` (and one chunk of each decoder). Destroys everything when it ends.
 * @throws NodeError RESPONSE_TOO_LARGE (DATA), or what the streams threw
 */
export async function readBody(source: Readable, decoders: readonly Transform[], maxBytes: number): Promise<Uint8Array> {
  const streams = [source, ...decoders];
  let last: Readable = source;
  let packedBytes = 0;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  for (const stream of streams) stream.on("error", (error) => failure.reject(error));
  if (decoders.length > 0) {
    source.on("data", (chunk: Buffer) => {
      packedBytes += chunk.length;
      if (packedBytes > maxBytes + PACKING_OVERHEAD_BYTES) failure.reject(tooLarge(maxBytes));
    });
  }
  for (const decoder of decoders) last = last.pipe(decoder);
  try {
    return await Promise.race([collect(last, maxBytes), failure.promise]);
  } finally {
    for (const stream of streams) stream.destroy();
  }
}

async function collect(stream: Readable, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError("A body must be a stream of bytes.");
    bytes += chunk.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytes);
}
