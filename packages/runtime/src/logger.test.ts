import { NodeError } from "@fluxo/core/errors/node-error";
import { expect, test } from "vitest";
import { createLogger, type Logger } from "./logger.ts";

const CANARY = "cAnArY-5up3r-s3cr3t";

function capture(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const logger = createLogger({ service: "test", level: "trace", destination: { write: (line) => lines.push(line) } });
  return { logger, lines };
}

function parse(line: string | undefined): Record<string, unknown> {
  const value: unknown = JSON.parse(line ?? "null");
  if (typeof value !== "object" || value === null) throw new Error("not an object");
  return { ...value };
}

test("writes one JSON line with level in words, ISO time and service", () => {
  const { logger, lines } = capture();
  logger.info({ executionId: "e1", occurrenceKey: "k1", attempts: 3, at: new Date(0), big: 1n }, "settled");
  expect(lines).toHaveLength(1);
  const line = parse(lines[0]);
  expect(line).toMatchObject({ level: "info", service: "test", msg: "settled", executionId: "e1", occurrenceKey: "k1", attempts: 3, at: "1970-01-01T00:00:00.000Z", big: "1" });
  expect(line["time"]).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  expect(line).not.toHaveProperty("pid");
});

test("keeps below its level quiet", () => {
  const lines: string[] = [];
  createLogger({ service: "test", level: "warn", destination: { write: (line) => lines.push(line) } }).info("no");
  expect(lines).toEqual([]);
});

const SECRET_KEYS = [
  "authorization", "Authorization", "proxy-authorization", "cookie", "set-cookie", "password", "PASSWORD", "secret", "clientSecret", "client_secret", "token",
  "access_token", "hookToken", "apiKey", "api_key", "x-api-key", "key", "privateKey", "masterKey", "FLUXO_MASTER_KEY", "INNGEST_SIGNING_KEY", "INNGEST_EVENT_KEY",
  "FLUXO_APP_DATABASE_URL", "REDIS_URL", "passphrase", "credentials", "webhook-signature", "connectionString",
];

test.each(SECRET_KEYS)("hides %s at the top, nested, in arrays and in child bindings", (name) => {
  const { logger, lines } = capture();
  logger.info({ [name]: CANARY }, "top");
  logger.info({ request: { headers: { [name]: CANARY }, list: [{ deep: { deeper: { [name]: [CANARY] } } }] } }, "nested");
  logger.info({ [name]: { inner: CANARY } }, "object");
  expect(lines).toHaveLength(3);
  expect(lines.join("")).not.toContain(CANARY);
  expect(lines[0]).toContain("[redacted]");
});

test.each(SECRET_KEYS)("hides %s bound to a child logger", (name) => {
  const { logger, lines } = capture();
  logger.child({ [name]: CANARY, tenantId: "t1" }).info("bound");
  const child = logger.child({ request: { [name]: CANARY } }).child({ list: [{ [name]: CANARY }], err: Object.assign(new Error("x"), { [name]: CANARY }) });
  child.setBindings({ [name]: CANARY });
  child.info("bound deeper");
  expect(lines.join("")).not.toContain(CANARY);
  expect(parse(lines[0])).toMatchObject({ tenantId: "t1" });
});

test("hides secrets by their form in messages, errors, stacks and causes", () => {
  const { logger, lines } = capture();
  const cause = new Error(`connect postgresql://fluxo:${CANARY}@db:5432/x failed`);
  logger.error({ err: new Error(`sent Authorization: Bearer ${CANARY}`, { cause }) }, `redis://:${CANARY}@redis:6379 is gone`);
  logger.error(new AggregateError([cause], "several"));
  logger.error({ failure: cause, nested: { error: cause } });
  logger.warn(`key flx_live_${CANARY.replaceAll("-", "")}`);
  logger.child({ target: `https://user:${CANARY}@host/` }).info("x");
  expect(lines.join("")).not.toContain(CANARY);
  expect(lines.join("")).not.toContain(CANARY.replaceAll("-", ""));
  expect(lines.join("")).toContain("@db:5432/x failed");
});

test("describes an error by type, code, class, stack and causes, and drops what clients hang on it", () => {
  const { logger, lines } = capture();
  const cause = Object.assign(new Error("reset"), { code: "ECONNRESET", config: { headers: { "X-Custom": CANARY } }, body: CANARY });
  logger.error({ err: new NodeError("no answer", { errorClass: "CONNECTION", code: "CONNECTION_FAILED", cause }) }, "attempt failed");
  expect(parse(lines[0])["err"]).toMatchObject({
    type: "NodeError", message: "no answer", code: "CONNECTION_FAILED", errorClass: "CONNECTION", cause: { type: "Error", code: "ECONNRESET", message: "reset" },
  });
  expect(lines.join("")).toContain("logger.test.ts");
  expect(lines.join("")).not.toContain(CANARY);
});

test("never writes bytes, instances of classes, or endless structures", () => {
  const { logger, lines } = capture();
  class Vault {
    hidden = CANARY;
    toJSON(): string {
      return CANARY;
    }
  }
  const loop: Record<string, unknown> = { name: "loop" };
  loop["self"] = loop;
  logger.info({ bytes: Buffer.from(CANARY), vault: new Vault(), map: new Map([[CANARY, CANARY]]), run: () => CANARY, loop });
  expect(lines.join("")).not.toContain(CANARY);
  expect(parse(lines[0])).toMatchObject({ bytes: `[${CANARY.length} bytes]`, vault: "[Vault]", map: "[Map]", loop: { name: "loop", self: "[circular]" } });
});

test("takes thrown values that are no errors, and causes that go in a circle", () => {
  const { logger, lines } = capture();
  const error = new Error("round");
  error.cause = error;
  logger.error({ err: error });
  logger.error({ err: { password: CANARY } });
  expect(lines).toHaveLength(2);
  expect(lines.join("")).not.toContain(CANARY);
});

test("hiding by form stays linear on hostile text", () => {
  const { logger, lines } = capture();
  const before = performance.now();
  logger.info("://".repeat(50_000) + "a".repeat(100_000));
  logger.info("Bearer ".repeat(20_000));
  expect(performance.now() - before).toBeLessThan(5_000);
  expect(lines).toHaveLength(2);
});
