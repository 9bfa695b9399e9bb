import { RequestError } from "@fluxo/core/errors/request-error";

/** Bounds the memory that request bodies take together, from before they are read until they are answered. */
export class MemoryBudget {
  readonly #maxBytes: number;
  #takenBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Runs `work` with `bytes` of the budget. @throws RequestError UNAVAILABLE when they are not there now */
  async hold<R>(bytes: number, work: () => Promise<R>): Promise<R> {
    if (this.#takenBytes + bytes > this.#maxBytes) throw new RequestError("UNAVAILABLE", { detail: "Too many bodies are being received. Send it again later.", retryAfterSeconds: 1 });
    this.#takenBytes += bytes;
    try {
      return await work();
    } finally {
      this.#takenBytes -= bytes;
    }
  }
}
