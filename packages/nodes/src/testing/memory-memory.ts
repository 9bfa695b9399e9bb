import type { Json } from "@fluxo/core/json";
import type { MemoryPort } from "@fluxo/core/ports/memory";

interface Kept {
  readonly owner: string;
  value: Json;
  readonly previous: Json | undefined;
}

/** What the nodes of one workflow remember, in memory, by the rules of the port; windows never end. */
export class MemoryMemory {
  readonly #keys = new Map<string, string>();
  readonly #values = new Map<string, Kept[]>();
  /** The window that was asked for last. */
  windowMs: number | undefined;

  /** The port of one execution and item. */
  of(executionId: string, item = 0): MemoryPort {
    const owner = `${executionId}:${item}`;
    return {
      remember: async (keys, windowMs) => {
        await Promise.resolve();
        this.windowMs = windowMs;
        return keys.map((key, index) => {
          const first = this.#keys.get(key) ?? owner;
          this.#keys.set(key, first);
          return first === owner && keys.indexOf(key) === index;
        });
      },
      exchange: async (name, value) => {
        await Promise.resolve();
        const kept = this.#values.get(name) ?? [];
        this.#values.set(name, kept);
        const own = kept.find((one) => one.owner === owner);
        if (own !== undefined) {
          own.value = value;
          return own.previous;
        }
        const previous = kept.at(-1)?.value;
        kept.push({ owner, value, previous });
        return previous;
      },
    };
  }
}
