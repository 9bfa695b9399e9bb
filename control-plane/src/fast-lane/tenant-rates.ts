/** Counts what each tenant sends, in windows of a fixed length: cheap, and forgotten after two windows. */
export class TenantRates {
  readonly #windowMs: number;
  #startedAtMs = 0;
  #current = new Map<string, number>();
  #previous: ReadonlyMap<string, number> = new Map();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Counts one more. @returns how many the tenant had before it, in this window or in the one before, whichever is more */
  add(tenantId: string, nowMs: number): number {
    this.#moveTo(nowMs);
    const count = this.#current.get(tenantId) ?? 0;
    this.#current.set(tenantId, count + 1);
    return Math.max(count, this.#previous.get(tenantId) ?? 0);
  }

  #moveTo(nowMs: number): void {
    const windows = Math.floor((nowMs - this.#startedAtMs) / this.#windowMs);
    if (windows === 0) return;
    this.#previous = windows === 1 ? this.#current : new Map();
    this.#current = new Map();
    this.#startedAtMs += windows * this.#windowMs;
  }
}
