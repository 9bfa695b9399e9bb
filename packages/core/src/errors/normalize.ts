/** Longest message that is stored and shown. */
export const MAX_MESSAGE_LENGTH = 2_000;

/** Longest stack that is stored. */
export const MAX_STACK_LENGTH = 8_000;

const MASK = "***";

/**
 * What is cut out, each in linear time: no two quantifiers of a pattern can match the same characters, and runs are anchored at their beginning.
 * A name only has to end in the word, so `api_key=` and `accessToken=` are found as well.
 */
const SECRETS: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  // Authorization: Basic dXNlcjpwYXNz
  [/(authorization\\{0,3}["']? {0,2}[:=] {0,2}\\{0,3}["']?)(?:(?:basic|bearer|digest|token) {1,9})?[^\s"',;&\\]+/gi, `$1${MASK}`],
  [/\b(bearer {1,9})[^\s"',;&\\]+/gi, `$1${MASK}`],
  // key=… in a query or a form, "key": "…" in JSON
  [/((?:key|token|secret|password|passwd|pwd|passphrase|signature|credentials?) {0,2}= {0,2})[^\s&;,"']+/gi, `$1${MASK}`],
  [/((?:key|token|secret|password|passwd|pwd|passphrase|signature|credentials?)\\{0,3}["'] {0,2}: {0,2}\\{0,3}["'])[^"'\\]+/gi, `$1${MASK}`],
  [/((?:password|passwd|passphrase|secret|api[_ -]?key): {0,2})[^\s&;,"']+/gi, `$1${MASK}`],
  // https://user:password@host
  [/(:\/\/)[^\s/?#]+@/g, `$1${MASK}@`],
  // JSON web tokens, and the prefixed tokens of well-known providers
  [/(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, MASK],
  [/(?<![\w-])(?:sk|pk|rk|flx|whsec|xox[a-z]|gh[a-z]|github_pat|glpat)[_-][\w-]{8,}/g, MASK],
];

/**
 * A message fit to be stored and shown: one line of at most 2,000 characters, without control characters and without what looks like a secret.
 * Linear in the length of the message.
 */
export function normalizeMessage(message: string): string {
  return cut(maskSecrets(clean(message.replaceAll(/[\t\n\v\f\r\u0085\u2028\u2029]/g, " "))).trim(), MAX_MESSAGE_LENGTH);
}

/** A frame of Node's own event loop: which of them are on the stack depends on the timing, and none of them explains a failure. */
const INTERNAL_FRAME = /^ {1,8}at [^\n]*\bnode:internal\//;

const FRAME = /^ {1,8}at /;

/** Frames that are kept. V8 captures ten, of which up to four are Node's own: how many of ours are left below these depends on the timing again. */
export const MAX_STACK_FRAMES = 6;

/**
 * A stack trace under the same rules, with its lines, of at most 8,000 characters. Frames inside of Node and those behind the first six others are left
 * out, so that the same failure has the same stack whenever it occurs.
 */
export function normalizeStack(stack: string): string {
  let frames = 0;
  const lines = stack.split(/\r\n|[\n\r]/).filter((line) => {
    if (!FRAME.test(line)) {
      return true;
    }
    frames += INTERNAL_FRAME.test(line) ? 0 : 1;
    return !INTERNAL_FRAME.test(line) && frames <= MAX_STACK_FRAMES;
  });
  return cut(lines.map((line) => maskSecrets(clean(line))).join("\n"), MAX_STACK_LENGTH);
}

/** Without control characters, and without marks that change the direction of what follows. */
function clean(text: string): string {
  return text.toWellFormed().replaceAll(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, "");
}

function maskSecrets(text: string): string {
  return SECRETS.reduce((masked, [pattern, replacement]) => masked.replaceAll(pattern, replacement), text);
}

/** Never cuts a character in half. */
function cut(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
