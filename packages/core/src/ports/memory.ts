import type { Json } from "../json.ts";

/** What one node of one workflow remembers from execution to execution. Repeats by attempts of the same execution and item answer the same. */
export interface MemoryPort {
  /** Remembers keys for `windowMs` from now and answers, in their order, which of them nobody remembered before. */
  remember(keys: readonly string[], windowMs: number): Promise<readonly boolean[]>;
  /** Keeps `value` under `name` and answers what the execution before kept there; undefined when none did. */
  exchange(name: string, value: Json): Promise<Json | undefined>;
}
