import { expect, test } from "vitest";
import { z } from "zod";
import { COMMON_VARIABLES } from "./common.ts";
import { booleanVariable, ConfigError, intVariable, keyVariable, listVariable, loadConfig, secretVariable, urlVariable } from "./load.ts";

const CANARY = "s3cr3t-canary";
const MASTER_KEY = Buffer.alloc(32, 7).toString("base64");
const VALID = {
  PORT: "3000",
  FLUXO_APP_DATABASE_URL: "postgresql://fluxo_app:pw@127.0.0.1:5432/fluxo",
  FLUXO_SYSTEM_DATABASE_URL: "postgres://fluxo_system:pw@127.0.0.1:5432/fluxo",
  REDIS_URL: "redis://127.0.0.1:6379/",
  INNGEST_BASE_URL: "http://127.0.0.1:8288",
  INNGEST_EVENT_KEY: "deadbeefdeadbeef",
  INNGEST_SIGNING_KEY: "signkey-prod-deadbeefdeadbeef",
  FLUXO_MASTER_KEY: MASTER_KEY,
  FLUXO_PUBLIC_INGRESS_URL: "https://hooks.example.com/",
  FLUXO_ALLOWED_PRIVATE_HOSTS: "127.0.0.1:9001, [::1]:9001 ,",
};
const common = z.object(COMMON_VARIABLES);

function failureOf(schema: z.ZodObject, env: Record<string, string>): ConfigError {
  try {
    loadConfig(schema, env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("expected a ConfigError");
}

test("parses the shared variables with their defaults, and freezes the result deeply", () => {
  const config = loadConfig(common, { ...VALID, UNRELATED: "ignored" });
  expect(config).toMatchObject({ HOST: "0.0.0.0", PORT: 3000, LOG_LEVEL: "info", NODE_ENV: "development", FLUXO_REDIS_PREFIX: "fluxo" });
  expect(config.REDIS_URL).toBe("redis://127.0.0.1:6379");
  expect(config.FLUXO_PUBLIC_INGRESS_URL).toBe("https://hooks.example.com");
  expect(config.FLUXO_MASTER_KEY).toEqual(Buffer.alloc(32, 7));
  expect(config.FLUXO_ALLOWED_PRIVATE_HOSTS).toEqual(["127.0.0.1:9001", "[::1]:9001"]);
  expect(config).not.toHaveProperty("UNRELATED");
  expect(Object.isFrozen(config) && Object.isFrozen(config.FLUXO_ALLOWED_PRIVATE_HOSTS)).toBe(true);
});

test("names every variable at fault, what is wrong and what to do", () => {
  const error = failureOf(common, { ...VALID, PORT: "99999", REDIS_URL: "", FLUXO_MASTER_KEY: "c2hvcnQ=" });
  expect(error.problems.map((problem) => problem.variable).toSorted()).toEqual(["FLUXO_MASTER_KEY", "PORT", "REDIS_URL"]);
  expect(error.message).toContain("PORT: must be a whole number from 0 to 65535. The TCP port to listen on");
  expect(error.message).toContain("REDIS_URL: is not set. The Redis of Fluxo");
  expect(error.message).toContain("FLUXO_MASTER_KEY: must be 32 bytes in base64. The key that seals stored secrets; make one with: openssl rand -base64 32");
});

test("finds the remedy of a variable behind default and optional", () => {
  const error = failureOf(z.object({ LEVEL: COMMON_VARIABLES.PORT.default(1).optional() }), { LEVEL: "x" });
  expect(error.message).toContain("The TCP port to listen on");
});

test.each(Object.keys(VALID))("never echoes the value of %s", (name) => {
  const error = failureOf(common, { ...VALID, [name]: ` ${CANARY}\u0000://` });
  expect(error.problems.map((problem) => problem.variable)).toContain(name);
  expect(`${error.message}${JSON.stringify(error)}${error.stack}`).not.toContain(CANARY);
});

test("accepts a schema with an optional variable that is absent or blank", () => {
  expect(loadConfig(z.object({ EXTRA: secretVariable({ minLength: 3 }).optional() }), { EXTRA: "  " })).toEqual({});
});

test.each([
  [intVariable({ min: -5, max: 5 }), "-5", -5],
  [booleanVariable(), "YES", true],
  [booleanVariable(), "0", false],
  [urlVariable(["https"]), "https://a.example/x/", "https://a.example/x"],
  [listVariable({ pattern: /^\w+$/, shape: "words" }), "a, b,,c", ["a", "b", "c"]],
  [keyVariable({ bytes: 3 }), "_-_-", Buffer.from([0xff, 0xef, 0xfe])],
])("helper %# accepts a valid value", (schema, text, value) => {
  expect(loadConfig(z.object({ V: schema }), { V: text }).V).toEqual(value);
});

test.each([
  [intVariable({ min: 0, max: 5 }), "6"],
  [intVariable({ min: 0, max: 5 }), "1.5"],
  [intVariable({ min: 0, max: 5 }), "1e0"],
  [booleanVariable(), "maybe"],
  [urlVariable(["https"]), "http://a.example"],
  [urlVariable(["https"]), "https:a.example"],
  [listVariable({ pattern: /^\w+$/, shape: "words" }), "a, b!"],
  [keyVariable({ bytes: 3 }), "AAAAAA=="],
  [secretVariable({ minLength: 4 }), "abc"],
])("helper %# refuses an invalid value", (schema, text) => {
  expect(failureOf(z.object({ V: schema }), { V: text }).problems).toHaveLength(1);
});
