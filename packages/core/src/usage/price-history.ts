import { DateTime } from "luxon";
import { effectivePrices, type Prices } from "./invoice.ts";

/** From this day on what has no other beginning holds: before all usage. */
export const SINCE_EVER = "1970-01-01";

/** One version of a price list: in force from its first day until the next version of the same target is. Of plan and tenant at most one is set; neither: the agency's own. */
export interface PriceVersion {
  readonly planId: string | null;
  readonly tenantId: string | null;
  /** Of the agency's own. */
  readonly currency: string | null;
  readonly prices: Prices;
  /** ISO date, in the tenant's zone. */
  readonly validFrom: string;
}

/** Which plan a tenant had from which of its days on. */
export interface PlanSince {
  readonly fromDay: string;
  readonly planId: string;
}

/** All that decides what a tenant is charged, day by day. */
export interface PriceHistory {
  readonly versions: readonly PriceVersion[];
  readonly plans: readonly PlanSince[];
}

/** Days on which the same prices are in force. `to` is the day after the last. */
export interface PricedSpan {
  readonly from: string;
  readonly to: string;
  readonly prices: Prices;
  /** Undefined where the agency has set none. */
  readonly currency: string | undefined;
}

/** The prices of one day: of each target the version in force, the tenant's before its plan's before the agency's, price by price. @param day ISO date */
export function pricesOn({ versions, plans }: PriceHistory, day: string): { readonly prices: Prices; readonly currency: string | undefined } {
  const planId = latest(plans.filter(({ fromDay }) => fromDay <= day), ({ fromDay }) => fromDay)?.planId;
  const inForce = (isTarget: (version: PriceVersion) => boolean): PriceVersion | undefined => latest(versions.filter((version) => version.validFrom <= day && isTarget(version)), ({ validFrom }) => validFrom);
  const agency = inForce((version) => version.planId === null && version.tenantId === null);
  const lists = [inForce(({ tenantId }) => tenantId !== null), planId === undefined ? undefined : inForce((version) => version.planId === planId), agency];
  return { prices: effectivePrices(lists.flatMap((list) => list?.prices ?? [])), currency: agency?.currency ?? undefined };
}

/** The days from `from` to the one before `to` in spans of the same prices, in order. @param from ISO date @param to ISO date after it */
export function priceSpans(history: PriceHistory, from: string, to: string): readonly PricedSpan[] {
  const changes = [...history.versions.map(({ validFrom }) => validFrom), ...history.plans.map(({ fromDay }) => fromDay)].filter((day) => day > from && day < to);
  const starts = [from, ...new Set(changes.toSorted())];
  const spans: PricedSpan[] = [];
  for (const [index, start] of starts.entries()) {
    const span = { from: start, to: starts[index + 1] ?? to, ...pricesOn(history, start) };
    const last = spans.at(-1);
    if (last !== undefined && isSame(last, span)) spans[spans.length - 1] = { ...last, to: span.to };
    else spans.push(span);
  }
  return spans;
}

/** The calendar day of an instant in a zone, as an ISO date. */
export function dayIn(instant: Date, timeZone: string): string {
  return DateTime.fromJSDate(instant, { zone: timeZone }).toFormat("yyyy-MM-dd");
}

function isSame(left: PricedSpan, right: PricedSpan): boolean {
  const names = new Set([...Object.keys(left.prices), ...Object.keys(right.prices)]) as ReadonlySet<keyof Prices>;
  return left.currency === right.currency && [...names].every((name) => left.prices[name] === right.prices[name]);
}

function latest<T>(items: readonly T[], dayOf: (item: T) => string): T | undefined {
  return items.reduce<T | undefined>((best, item) => (best === undefined || dayOf(item) >= dayOf(best) ? item : best), undefined);
}
