import { IANAZone } from "luxon";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Hours of a zone whose offset is remembered. */
const HOURS_MAX = 10_000;
const NAMES_MAX = 1_000;

/** What a wall clock of a zone does at some local time. `gap`: it jumps over it; `repeat`: it shows it twice. */
export type LocalTime =
  | { readonly kind: "once"; readonly at: number }
  | { readonly kind: "gap"; /** The instant that is as long after the jump as the local time is after its start. */ readonly shifted: number }
  | { readonly kind: "repeat"; readonly first: number; readonly second: number };

/** A zone of the tz database. */
export interface Zone {
  readonly name: string;
  /** Milliseconds that its wall clock is ahead of UTC at an instant. */
  offsetAt(instantMs: number): number;
}

const zones = new Map<string, Zone>();

/** @throws RangeError for a name that the tz database does not have */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = IANAZone.create(name);
  if (!zone.isValid) throw new RangeError(`There is no time zone "${name}".`);
  const made = { name, offsetAt: rememberHours((instantMs) => Math.round(zone.offset(instantMs) * MINUTE_MS)) };
  // Names are read in any case, so that there are more than zones.
  if (zones.size >= NAMES_MAX) zones.clear();
  zones.set(name, made);
  return made;
}

/** Remembers the offset of hours at whose ends it is the same: asking costs as much as all other steps together. No zone changes twice within an hour. */
function rememberHours(offsetAt: (instantMs: number) => number): (instantMs: number) => number {
  const hours = new Map<number, number | undefined>();
  return (instantMs) => {
    const hour = Math.floor(instantMs / HOUR_MS);
    const known = hours.get(hour);
    if (known !== undefined) return known;
    if (hours.has(hour)) return offsetAt(instantMs);
    if (hours.size >= HOURS_MAX) hours.clear();
    const offset = offsetAt(hour * HOUR_MS);
    const isSteady = offsetAt((hour + 1) * HOUR_MS - 1) === offset;
    hours.set(hour, isSteady ? offset : undefined);
    return isSteady ? offset : offsetAt(instantMs);
  };
}

/** Whether the tz database has a zone of this name. */
export function isZone(name: string): boolean {
  return IANAZone.isValidZone(name);
}

/**
 * The instants at which a zone's wall clock shows a local time, given in milliseconds as if the wall clock were UTC. Two changes of the offset within
 * two days would not be told apart; the tz database has none since 1970 that cron times could meet.
 */
export function resolveLocal(localMs: number, zone: Zone): LocalTime {
  const before = zone.offsetAt(localMs - DAY_MS);
  const after = zone.offsetAt(localMs + DAY_MS);
  const instants = [...new Set([before, after, zone.offsetAt(localMs - before), zone.offsetAt(localMs - after)])]
    .filter((offset) => zone.offsetAt(localMs - offset) === offset)
    .map((offset) => localMs - offset)
    .toSorted((left, right) => left - right);
  const [first, second] = instants;
  if (first === undefined) return { kind: "gap", shifted: localMs - before };
  return second === undefined ? { kind: "once", at: first } : { kind: "repeat", first, second };
}
