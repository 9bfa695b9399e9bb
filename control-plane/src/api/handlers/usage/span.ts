import type { UsageSpan } from "@fluxo/prisma/usage/columns";
import { invalid } from "../../http/validate.ts";

const DAY_MS = 86_400_000;
/** More buckets would be more than a graph or a bill needs, and more than one answer should read. */
const DAYS_MAX = { hour: 31, day: 400 } as const;

/** The span of a query. @throws RequestError VALIDATION_FAILED for one that is empty or too long */
export function spanOf({ granularity, from, to }: { readonly granularity: UsageSpan["granularity"]; readonly from: string; readonly to: string }): UsageSpan {
  const span = { granularity, from: new Date(from), to: new Date(to) };
  const days = (span.to.getTime() - span.from.getTime()) / DAY_MS;
  if (days <= 0) throw invalid([{ path: "/query/to", code: "too_early", message: "must be after from" }]);
  if (days > DAYS_MAX[granularity]) throw invalid([{ path: "/query/to", code: "too_late", message: `must be at most ${DAYS_MAX[granularity]} days after from, by ${granularity}` }]);
  return span;
}
