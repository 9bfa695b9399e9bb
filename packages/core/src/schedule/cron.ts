import { type CronExpression, CronExpressionParser } from "cron-parser";
import { resolveLocal, zoneOf, type Zone } from "./zone.ts";

/** What happens to a local time that the clock jumps over: it is left out, or comes as much later as the clock jumps. */
export type GapPolicy = "skip" | "shift";
/** Which of the two instants counts when the clock shows a local time twice. */
export type RepeatPolicy = "first" | "second" | "both";

export interface CronRule {
  /** Five fields, or six with seconds first; names, ranges, steps and lists as in Vixie cron, `L` and `#`. */
  readonly expression: string;
  readonly timeZone: string;
  readonly gap: GapPolicy;
  readonly repeat: RepeatPolicy;
}

/** An instant of a schedule. */
export interface Instant {
  readonly at: Date;
  /** How a change of the clock concerns it. */
  readonly clockChange?: "shifted" | "first" | "second";
}

/** No change of a clock moves it further. Local times this far behind cannot yield an instant any more that comes before later ones. */
const CLOCK_CHANGE_MS_MAX = 3 * 3_600_000;
const FIELDS = /^\S+(?:\s+\S+){4,5}$/;

/**
 * What is wrong with an expression; undefined when it can be used. Five or six fields; no hashed fields, which would depend on a seed, nothing
 * that never comes.
 */
export function cronProblem(expression: string): string | undefined {
  if (!FIELDS.test(expression.trim())) return "must have five fields, or six with seconds first";
  if (/[Hh](?=[\s(/]|$)/.test(expression)) return "must not have hashed fields";
  try {
    CronExpressionParser.parse(expression, { tz: "UTC", currentDate: 0 }).next();
    return undefined;
  } catch (error) {
    return `cannot be read as cron: ${error instanceof Error ? error.message : "no reason given"}`;
  }
}

/**
 * The instants of a rule after `afterMs`, ascending, without end. The expression is walked on the wall clock, which knows no changes; each local time
 * is then turned into instants by the zone and the two policies. An instant that two local times yield (a shifted one and a regular one) comes once.
 */
export function* cronInstants(rule: CronRule, afterMs: number): Generator<Instant, void, undefined> {
  const zone = zoneOf(rule.timeZone);
  const pending = new InstantsInOrder();
  let last = afterMs;
  const afterLocalMs = afterMs + zone.offsetAt(afterMs);
  const beginMs = isSteady(afterLocalMs, zone) ? afterLocalMs + 1 : afterLocalMs - changeNear(afterMs, zone);
  for (const localMs of localTimes(rule.expression, beginMs)) {
    for (const instant of instantsOf(localMs, zone, rule)) pending.add(instant);
    const safe = isSteady(localMs, zone) ? Number.POSITIVE_INFINITY : earliestOf(localMs, zone);
    for (let next = pending.takeUpTo(safe); next !== undefined; next = pending.takeUpTo(safe)) {
      const { at, clockChange } = next;
      if (at <= last) continue;
      last = at;
      yield { at: new Date(at), ...(clockChange === undefined ? {} : { clockChange }) };
    }
  }
}

/** No later local time yields an instant before it. */
function earliestOf(localMs: number, zone: Zone): number {
  const atMs = localMs - zone.offsetAt(localMs);
  return atMs - changeNear(atMs, zone);
}

/** How far the clock moves around an instant, within the time that isSteady looks at. */
function changeNear(atMs: number, zone: Zone): number {
  const offsets = [-2, -1, 0, 1, 2].map((count) => zone.offsetAt(atMs + count * CLOCK_CHANGE_MS_MAX));
  return Math.max(...offsets) - Math.min(...offsets);
}

interface PendingInstant {
  readonly at: number;
  readonly clockChange?: NonNullable<Instant["clockChange"]>;
}

/** Instants by time, those of one time in the order in which they came. Around a change of the clock a schedule with seconds has thousands of them. */
class InstantsInOrder {
  readonly #instants: PendingInstant[] = [];
  #taken = 0;

  add(instant: PendingInstant): void {
    let [low, high] = [this.#taken, this.#instants.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#instants[middle]?.at ?? 0) <= instant.at) low = middle + 1;
      else high = middle;
    }
    this.#instants.splice(low, 0, instant);
  }

  /** The first one, unless it is later. */
  takeUpTo(latest: number): PendingInstant | undefined {
    const first = this.#instants[this.#taken];
    if (first === undefined || first.at > latest) return undefined;
    this.#taken += 1;
    if (this.#taken === this.#instants.length) {
      this.#instants.length = 0;
      this.#taken = 0;
    }
    return first;
  }
}

/** Parsed expressions, the oldest forgotten first: parsing costs ten times as much as a step. Whoever uses one sets its date first. */
const parsedExpressions = new Map<string, CronExpression>();
const PARSED_MAX = 5_000;

function parse(expression: string): CronExpression {
  const known = parsedExpressions.get(expression);
  if (known !== undefined) return known;
  const parsed = CronExpressionParser.parse(expression, { tz: "UTC", currentDate: new Date(0) });
  const [oldest] = parsedExpressions.size < PARSED_MAX ? [] : parsedExpressions.keys();
  if (oldest !== undefined) parsedExpressions.delete(oldest);
  parsedExpressions.set(expression, parsed);
  return parsed;
}

/** Local times of the expression from `fromMs` on, as milliseconds of a clock that is UTC. */
function* localTimes(expression: string, fromMs: number): Generator<number, void, undefined> {
  // The parser looks for times after its date.
  const parsed = parse(expression);
  let lastMs = fromMs - 1;
  for (;;) {
    parsed.reset(new Date(lastMs));
    lastMs = parsed.next().getTime();
    yield lastMs;
  }
}

/** Whether the clock does not change around a local time, so that local times and instants come in the same order. */
function isSteady(localMs: number, zone: Zone): boolean {
  const atMs = localMs - zone.offsetAt(localMs);
  const offset = zone.offsetAt(atMs);
  return zone.offsetAt(atMs - 2 * CLOCK_CHANGE_MS_MAX) === offset && zone.offsetAt(atMs + 2 * CLOCK_CHANGE_MS_MAX) === offset;
}

function instantsOf(localMs: number, zone: Zone, { gap, repeat }: CronRule): PendingInstant[] {
  const local = resolveLocal(localMs, zone);
  switch (local.kind) {
    case "once":
      return [{ at: local.at }];
    case "gap":
      return gap === "shift" ? [{ at: local.shifted, clockChange: "shifted" }] : [];
    case "repeat":
      return [
        ...(repeat === "second" ? [] : [{ at: local.first, clockChange: "first" } as const]),
        ...(repeat === "first" ? [] : [{ at: local.second, clockChange: "second" } as const]),
      ];
    default:
      return local satisfies never;
  }
}
