import type { Json } from "../json.ts";

/**
 * What one node of one workflow remembers from execution to execution. Who asks again with the same execution (or a rerun of it) and the same item gets
 * the first answer again, so that attempts, takeovers and reruns see what the first attempt saw.
 * @throws NodeError CONNECTION, UNAVAILABLE when the store does not answer
 */
export interface MemoryPort {
  /** Remembers keys for `windowMs` from now and answers, in their order, which of them are new: nobody remembers them, or their window is over. */
  remember(keys: readonly string[], windowMs: number): Promise<readonly boolean[]>;
  /** Keeps `value` under `name` and answers what was kept there before; undefined when nothing was. */
  exchange(name: string, value: Json): Promise<Json | undefined>;
}
