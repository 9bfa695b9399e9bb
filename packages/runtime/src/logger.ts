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
    hooks: { streamWrite: redactText },
  };
  return guardBindings(options.destination === undefined ? pino(settings) : pino(settings, options.destination));
}

/**
 * Bindings of child loggers pass by `formatters.log`, so they are cleaned when they are bound. Children inherit the methods from their parent.
 * (pino's own `redact` knows paths only, and its wildcards made a line fifteen times as slow.)
 */
function guardBindings(logger: Logger): Logger {
  for (const name of ["child", "setBindings"] as const) {
    const bind: unknown = Reflect.get(logger, name);
    if (typeof bind !== "function") throw new TypeError(`pino has no method ${name}.`);
    Object.defineProperty(logger, name, {
      value(this: Logger, bindings: pino.Bindings, options?: pino.ChildLoggerOptions): unknown {
        return Reflect.apply(bind, this, [redactFields(bindings), options]);
      },
    });
  }
  return logger;
}

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, isSecretName(name) && value !== undefined ? REDACTED : redactValue(value)]),
  );
}
