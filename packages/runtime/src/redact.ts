/** What stands where a secret was. */
export const REDACTED = "[redacted]";

const MAX_DEPTH = 8;
const MAX_CAUSES = 4;

/** Names, written in lower case without separators, whose value is a secret wherever they stand. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  "key", "pwd", "pass", "dsn", "auth", "bearer", "signature", "credential", "credentials", "connectionstring",
  "tokens", "secrets", "passwords", "cookies", "masterkeys", "privatekeys", "webhooksignature",
]);

/** Endings of such names. Keys that are no secrets (`occurrenceKey`, `idempotencyKey`, `dedupeKey`) stay readable. */
const SECRET_ENDINGS = [
  "authorization", "cookie", "password", "passwd", "passphrase", "secret", "token", "apikey", "secretkey", "privatekey",
  "accesskey", "masterkey", "signingkey", "eventkey", "databaseurl", "redisurl", "clientsecret",
];

/** Whether a property or header of this name holds a secret. */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return SECRET_NAMES.has(plain) || SECRET_ENDINGS.some((ending) => plain.endsWith(ending));
}

/**
 * Secrets that have a recognizable form in free text. Each pattern is linear in the length of the text.
 * `scheme://user:password@` loses its userinfo, an authorization value its credentials, our keys everything after their prefix.
 */
const SECRET_FORMS: readonly (readonly [RegExp, string])[] = [
  [/:\/\/[^\s/@"'\\]+@/g, `://${REDACTED}@`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [/\b(signkey-[a-z]+-|flx_[a-z0-9]+_)[A-Za-z0-9_-]{6,}/g, `$1${REDACTED}`],
];

/** Hides secrets that have a recognizable form in `text`. */
export function redactText(text: string): string {
  return SECRET_FORMS.reduce((result, [form, replacement]) => result.replace(form, replacement), text);
}

/**
 * A copy of `value` that may be written down: secrets by name are hidden at any depth; only plain data is copied, errors by an allow-list
 * of fields, bytes as their length, other objects as their class name (a request, a client or a key object carries secrets under names
 * that nobody knows).
 */
export function redactValue(value: unknown): unknown {
  return copy(value, 0, []);
}

function copy(value: unknown, depth: number, path: readonly object[]): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (path.includes(value)) return "[circular]";
  if (depth >= MAX_DEPTH) return "[deep]";
  return copyObject(value, depth, [...path, value]);
}

function copyObject(value: object, depth: number, path: readonly object[]): unknown {
  if (value instanceof Error) return describeError(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return redactText(value.href);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1, path));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor?.name ?? "object"}]`;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, isSecretName(name) && isPresent(inner) ? REDACTED : copy(inner, depth + 1, path)]),
  );
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** An error as it is written down; fields that drivers and clients hang on their errors (configs, requests, headers) are left out. */
export interface ErrorRecord {
  readonly type: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string | number;
  readonly errorClass?: string;
  readonly cause?: ErrorRecord;
  readonly errors?: readonly ErrorRecord[];
}

/** Describes an error and its causes (to a bounded depth) by an allow-list of fields. Takes anything that can be thrown. */
export function describeError(error: unknown, depth = 0): ErrorRecord {
  if (!(error instanceof Error)) {
    const text = typeof error === "string" ? redactText(error) : (JSON.stringify(redactValue(error)) ?? String(error));
    return { type: typeof error, message: text };
  }
  const code: unknown = "code" in error ? error.code : undefined;
  const errorClass: unknown = "errorClass" in error ? error.errorClass : undefined;
  const hasDepth = depth < MAX_CAUSES;
  return {
    type: error.name,
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(typeof errorClass === "string" ? { errorClass } : {}),
    ...(isPresent(error.cause) && hasDepth ? { cause: describeError(error.cause, depth + 1) } : {}),
    ...(error instanceof AggregateError && hasDepth ? { errors: error.errors.slice(0, 8).map((inner) => describeError(inner, depth + 1)) } : {}),
  };
}
