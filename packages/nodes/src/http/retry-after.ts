import type { Clock } from "@fluxo/core/ports/clock";

const SECONDS = /^\d{1,12}$/;
/** RFC 9110, section 5.6.7: the form in use, and the two obsolete ones that receivers still have to read. */
const USUAL_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const OLD_DATE = /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
const UNIX_DATE = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Milliseconds that a `Retry-After` header asks to wait: whole seconds or an HTTP date (RFC 9110, section 10.2.3). 0 for a date in the past;
 * undefined when the header is absent or unreadable.
 */
export function parseRetryAfter(header: string | undefined, clock: Clock): number | undefined {
  const text = header?.trim() ?? "";
  if (SECONDS.test(text)) {
    return Number(text) * 1_000;
  }
  const dueAt = parseHttpDate(text);
  return dueAt === undefined ? undefined : Math.max(0, dueAt - clock.now().getTime());
}

function parseHttpDate(text: string): number | undefined {
  if (!USUAL_DATE.test(text) && !OLD_DATE.test(text) && !UNIX_DATE.test(text)) {
    return undefined;
  }
  const instant = Date.parse(UNIX_DATE.test(text) ? `${text} GMT` : text);
  return Number.isNaN(instant) ? undefined : instant;
}
