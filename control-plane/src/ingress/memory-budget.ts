import { RequestError } from "@fluxo/core/errors/request-error";

/** What a request holds beside its body: its connection, its head, its parsed payload, its place in a statement. Bytes, generously. */
const REQUEST_BYTES = 65_536;
const RETRY_AFTER_SECONDS = 1;

/**
 * Bounds the memory that requests take together, from before their bodies are read until they are recorded; thereby it bounds their number, and the
 * time that one waits for the others. One tenant gets at most half, so that its flood leaves room for the others (I8).
 */
export class MemoryBudget {
  readonly #maxBytes: number;
  readonly #takenByTenant = new Map<string, number>();
  #takenBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Runs `work` on a request whose body takes `bodyBytes`. @throws RequestError UNAVAILABLE when there is no room now */
  async hold<R>(bodyBytes: number, work: () => Promise<R>): Promise<R> {
    const bytes = REQUEST_BYTES + bodyBytes;
    if (this.#takenBytes + bytes > this.#maxBytes) {
      throw new RequestError("UNAVAILABLE", { detail: "Too many requests are being received. Send it again later.", retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    this.#takenBytes += bytes;
    try {
      return await work();
    } finally {
      this.#takenBytes -= bytes;
    }
  }

  /** The same for a request that is held already and whose tenant is known now. @throws RequestError RATE_LIMITED when the tenant has its share */
  async holdForTenant<R>(tenantId: string, bodyBytes: number, work: () => Promise<R>): Promise<R> {
    const bytes = REQUEST_BYTES + bodyBytes;
    const taken = this.#takenByTenant.get(tenantId) ?? 0;
    if (taken > 0 && taken + bytes > this.#maxBytes / 2) {
      throw new RequestError("RATE_LIMITED", { detail: "Too many requests of this tenant are being received. Send it again later.", retryAfterSeconds: RETRY_AFTER_SECONDS });
    }
    this.#takenByTenant.set(tenantId, taken + bytes);
    try {
      return await work();
    } finally {
      const left = (this.#takenByTenant.get(tenantId) ?? 0) - bytes;
      if (left > 0) this.#takenByTenant.set(tenantId, left);
      else this.#takenByTenant.delete(tenantId);
    }
  }
}
