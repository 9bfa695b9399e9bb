const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(?:Z|([+-]\d{2}:?\d{2}))?)?$/;
const MAIL = /^(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2})(?::(\d{2}))? (?:GMT|UTC|UT|Z|([+-]\d{4}))$/;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** The longest text that either form can have. */
const MAX_LENGTH = 40;

/**
 * The instant that a text names, in milliseconds since 1970; undefined when it names none.
 * Reads ISO 8601 (UTC when it has no offset) and the form of mail and RSS (RFC 5322). Never depends on the machine's time zone.
 */
export function parseInstant(text: string): number | undefined {
  if (text.length > MAX_LENGTH) {
    return undefined;
  }
  const iso = ISO.exec(text);
  if (iso !== null) {
    const [, year, month, day, hour, minute, second, fraction = "", offset] = iso;
    const milliseconds = Number(fraction.padEnd(3, "0").slice(0, 3));
    return instantOf([year, month, day, hour, minute, second], milliseconds, offset);
  }
  const mail = MAIL.exec(text);
  if (mail !== null) {
    const [, day, monthName = "", year, hour, minute, second, offset] = mail;
    return instantOf([year, String(MONTHS.indexOf(monthName) + 1), day, hour, minute, second], 0, offset);
  }
  return undefined;
}

/** Fields from the year to the second, as digits; a date that the calendar does not have is undefined. */
function instantOf(fields: readonly (string | undefined)[], milliseconds: number, offset = "+0000"): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = fields.map((field) => Number(field ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, milliseconds);
  const isReal =
    date.getUTCMonth() === month - 1 && date.getUTCDate() === day && date.getUTCHours() === hour && date.getUTCMinutes() === minute && date.getUTCSeconds() === second;
  const [offsetHours, offsetMinutes] = [Number(offset.slice(1, 3)), Number(offset.slice(-2))];
  if (!isReal || offsetHours > 23 || offsetMinutes > 59) {
    return undefined;
  }
  const sign = offset.startsWith("-") ? -1 : 1;
  return date.getTime() - sign * (offsetHours * 60 + offsetMinutes) * 60_000;
}
