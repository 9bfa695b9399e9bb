/** What a child is asked. The input follows as the body of the frame: JSON, as text. */
export interface JobHeader {
  readonly language: "javascript" | "jsonata";
  readonly source: string;
  /** Milliseconds of wall-clock time. */
  readonly timeoutMs: number;
  readonly memoryBytesMax: number;
  readonly outputBytesMax: number;
}

/** Why a job has no output. */
export type FailureKind = "invalid" | "threw" | "timeout" | "memory" | "output-size";

/** What a child answers; with `done`, the output follows as the body of the frame: JSON, as text. `canGoOn`: it may be given another job. */
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly logs: readonly string[]; readonly canGoOn: boolean }
  | { readonly kind: "failed"; readonly failure: FailureKind; readonly message: string; readonly logs: readonly string[]; readonly canGoOn: boolean };

interface Frame {
  readonly header: unknown;
  readonly body: Buffer;
}

const PREFIX_BYTES = 8;

/** A frame: length of header and of body (4 bytes each, big-endian), the header as JSON, the body. */
export function encodeFrame(header: JobHeader | Answer, body: string): Buffer {
  const headerBytes = Buffer.from(JSON.stringify(header));
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + headerBytes.length + Buffer.byteLength(body));
  frame.writeUInt32BE(headerBytes.length, 0);
  frame.writeUInt32BE(frame.length - PREFIX_BYTES - headerBytes.length, 4);
  headerBytes.copy(frame, PREFIX_BYTES);
  frame.write(body, PREFIX_BYTES + headerBytes.length);
  return frame;
}

/** Puts frames together again. What announces more than its limits is refused before it is kept. */
export class FrameReader {
  readonly #headerBytesMax: number;
  readonly #bodyBytesMax: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limits: { readonly headerBytesMax: number; readonly bodyBytesMax: number }) {
    this.#headerBytesMax = limits.headerBytesMax;
    this.#bodyBytesMax = limits.bodyBytesMax;
  }

  /** Adds what arrived and gives the frames that are complete. @throws RangeError when a frame is too large, SyntaxError when its header is not JSON */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#take(); frame !== undefined; frame = this.#take()) frames.push(frame);
    return frames;
  }

  #take(): Frame | undefined {
    const size = this.#sizeOfNext();
    if (size === undefined || this.#bytes < PREFIX_BYTES + size.header + size.body) return undefined;
    const all = this.#joined();
    const bodyAt = PREFIX_BYTES + size.header;
    const end = bodyAt + size.body;
    const rest = all.subarray(end);
    this.#chunks = rest.length === 0 ? [] : [rest];
    this.#bytes = rest.length;
    const header: unknown = JSON.parse(all.toString("utf8", PREFIX_BYTES, bodyAt));
    return { header, body: all.subarray(bodyAt, end) };
  }

  #sizeOfNext(): { readonly header: number; readonly body: number } | undefined {
    if (this.#bytes < PREFIX_BYTES) return undefined;
    const [first] = this.#chunks;
    const start = first !== undefined && first.length >= PREFIX_BYTES ? first : this.#joined();
    const size = { header: start.readUInt32BE(0), body: start.readUInt32BE(4) };
    if (size.header > this.#headerBytesMax || size.body > this.#bodyBytesMax) throw new RangeError("A frame is larger than allowed.");
    return size;
  }

  #joined(): Buffer {
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }
}
