/** An instant as it is answered. */
export function toInstant(date: Date): string;
export function toInstant(date: Date | null): string | null;
export function toInstant(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}

/** Whole milliseconds between two instants; null while one of them is open. */
export function durationBetween(start: Date | null, end: Date | null): number | null {
  return start === null || end === null ? null : end.getTime() - start.getTime();
}

/** An instant as it was asked for. */
export function toDate(instant: string | undefined): Date | undefined {
  return instant === undefined ? undefined : new Date(instant);
}
