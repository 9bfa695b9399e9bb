import { pino } from "pino";
import { describeError, isSecretName, REDACTED, redactText, redactValue } from "./redact.ts";

/** A structured logger: `logger.info({ executionId }, "settled")`, `logger.error({ err }, "…")`. */
export type Logger = pino.Logger;

export type LogLevel = "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";

export interface LoggerOptions {
  /** Names the process in every line, for example `worker`. */
  readonly service: string;
  readonly level: LogLevel;
  /** Where lines go; standard output when absent. */
  readonly destination?: { write(line: string): void };
}

/**
 * Child loggers carry their bindings past the formatter, so the names that could be bound are hidden by path as well.
 * `formatters.log` (below) covers everything else at any depth.
 */
const BOUND_NAMES = [
  "authorization", "cookie", "password", "passphrase", "secret", "clientSecret", "token", "accessToken", "refreshToken", "hookToken", "apiKey", "key",
  "privateKey", "secretKey", "accessKey", "masterKey", "signingKey", "eventKey", "signature", "credential", "credentials", "databaseUrl", "redisUrl",
  "connectionString", "dsn",
];

/**
 * JSON lines with `level` in words, `time` in ISO 8601 and `service`. Secrets are hidden three times over: by name at any depth, by form in
 * the finished line (credentials in URLs, authorization values, our own keys), and objects that are not plain data are not written at all.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: { service: options.service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label) => ({ level: label }),
      log: (fields) => redactFields(fields),
    },
    serializers: { err: (value: unknown) => (value instanceof Error ? describeError(value) : value) },
    redact: { paths: BOUND_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: REDACTED },
    hooks: { streamWrite: redactText },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isSecretName(name) && value !== undefined ? REDACTED : redactValue(value)]),
  );
}
