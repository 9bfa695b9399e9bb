import type { NodeFailure } from "../errors/failure.ts";
import { NodeError } from "../errors/node-error.ts";
import type { Json, JsonObject } from "../json.ts";
import { isJsonObject } from "../templates/values.ts";

/** What a loop does when one of its items fails: start no more and fail, or go on and tell of it in its output. */
type ItemErrorPolicy = "stop" | "continue";

/** The work of a loop: what its body is run with, and how. */
export interface LoopWork {
  readonly items: readonly Json[];
  /** Most items in work at the same time. */
  readonly concurrency: number;
  readonly onItemError: ItemErrorPolicy;
}

/** The output of a loop: `{ results, failed, count }`. Failures by index of their item; nothing in it depends on when things happened. */
export function loopOutput(results: readonly Json[], failures: ReadonlyMap<number, NodeFailure>): JsonObject {
  const failed = [...failures]
    .toSorted(([left], [right]) => left - right)
    .map(([index, { nodeId, message, code, errorClass }]) => ({ index, failure: { nodeId, message, code, errorClass } }));
  return { results: [...results], failed, count: results.length };
}

/** What the journal's row of a loop in work holds; `loopWorkOf` reads it. */
export function loopRecord({ items, concurrency, onItemError }: LoopWork): JsonObject {
  return { items: [...items], concurrency, onItemError };
}

/** The work that a row of the journal tells of. @throws NodeError INTERNAL, EXECUTION_UNREADABLE when it tells of none */
export function loopWorkOf(record: Json): LoopWork {
  if (isJsonObject(record)) {
    const { items, concurrency, onItemError } = record;
    if (Array.isArray(items) && typeof concurrency === "number" && (onItemError === "stop" || onItemError === "continue")) {
      return { items, concurrency, onItemError };
    }
  }
  throw new NodeError("The journal does not tell the items of a loop in work.", { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
}
