import type { FileTriggerParams } from "@fluxo/nodes/trigger-file/definition";
import type { Facts } from "./diff.ts";
import type { Listing } from "./listing.ts";

/** Many programs make a file first and write to it later. */
const EMPTY_FACTOR = 10;

/**
 * Whether a file is complete by the trigger's rule. The quiet time counts from the ctime, which every write moves and nobody can set, so that one look is enough.
 * @param facts needed where the rule is the quiet time
 */
export function isSettled(path: string, facts: Facts | undefined, { doneFiles }: Listing, { source, stability }: FileTriggerParams, now: Date): boolean {
  // Objects appear whole.
  if (source.kind === "s3" || stability.mode === "renameIn") return true;
  if (stability.mode === "doneFile") return doneFiles.has(path + stability.suffix);
  if (facts === undefined) return false;
  const quietMs = stability.quietMs * (facts.size === 0 ? EMPTY_FACTOR : 1);
  return quietMs === 0 || BigInt(now.getTime()) - BigInt(facts.ctime) / 1_000_000n >= BigInt(quietMs);
}
