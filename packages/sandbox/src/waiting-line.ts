/** Items that wait, in turns between tenants and in order within one, bounded per tenant and in all. */
export class WaitingLine<T> {
  readonly #perTenantMax: number;
  readonly #totalMax: number;
  /** The tenant that was served longest ago comes first. */
  readonly #tenants = new Map<string, T[]>();
  #size = 0;

  constructor(limits: { readonly perTenantMax: number; readonly totalMax: number }) {
    this.#perTenantMax = limits.perTenantMax;
    this.#totalMax = limits.totalMax;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns false when there is no room */
  push(tenantId: string, item: T): boolean {
    const items = this.#tenants.get(tenantId) ?? [];
    if (items.length >= this.#perTenantMax || this.#size >= this.#totalMax) return false;
    items.push(item);
    this.#tenants.set(tenantId, items);
    this.#size += 1;
    return true;
  }

  /** The first item of the tenant whose turn it is, among those that may go on; undefined when there is none. */
  take(mayGoOn: (tenantId: string) => boolean): T | undefined {
    for (const [tenantId, items] of this.#tenants) {
      if (!mayGoOn(tenantId)) continue;
      const item = items.shift();
      this.#size -= 1;
      this.#tenants.delete(tenantId);
      if (items.length > 0) this.#tenants.set(tenantId, items);
      return item;
    }
    return undefined;
  }

  /** Takes an item out that no longer waits. @returns whether it was there */
  remove(tenantId: string, item: T): boolean {
    const items = this.#tenants.get(tenantId) ?? [];
    const index = items.indexOf(item);
    if (index < 0) return false;
    items.splice(index, 1);
    this.#size -= 1;
    if (items.length === 0) this.#tenants.delete(tenantId);
    return true;
  }

  /** Takes everything out. */
  clear(): T[] {
    const items = [...this.#tenants.values()].flat();
    this.#tenants.clear();
    this.#size = 0;
    return items;
  }
}
