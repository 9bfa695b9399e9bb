import { randomBytes } from "node:crypto";
import { uuidV7 } from "@fluxo/prisma/ids";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mintApiKey } from "../../keys/api-key.ts";
import { createClient } from "../testing/client.ts";
import { startHarness, type Harness, type TestAgency } from "../testing/harness.ts";
import type { Instance } from "../testing/instance.ts";

const thresholds = { perAddress: 8, perKey: 5 };
let api: Harness;
let another: Instance;
let agency: TestAgency;
let nextAddress = 0;

beforeAll(async () => {
  api = await startHarness({ thresholds });
  another = await api.startAnother();
  agency = await api.createTestAgency("Northwind");
});
afterAll(async () => {
  await another.stop();
  await api.stop();
});

const address = (): string => {
  nextAddress += 1;
  return `203.0.113.${nextAddress}`;
};
const ask = async (from: string, key: string | undefined, url = api.url) => createClient(url, key).get("/v1/me", { "x-forwarded-for": from });
const unknownKey = (): string => mintApiKey(uuidV7, randomBytes).text;
const wrong = (key: string): string => `${key.slice(0, -43)}${randomBytes(32).toString("base64url")}`;

test("an address that guesses is refused after so many failures, by every process, also with the right key; others are not", async () => {
  const guesser = address();
  for (let attempt = 0; attempt < thresholds.perAddress; attempt += 1) expect((await ask(guesser, unknownKey())).status).toBe(401);
  const refused = await ask(guesser, unknownKey());
  expect([refused.status, refused.at("code")]).toEqual([429, "RATE_LIMITED"]);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(Number(refused.headers.get("retry-after"))).toBeLessThanOrEqual(60);
  expect((await ask(guesser, agency.key)).status).toBe(429);
  await expect.poll(async () => (await ask(guesser, agency.key, another.url)).status).toBe(429);
  for (const url of [api.url, another.url]) expect((await ask(address(), agency.key, url)).status).toBe(200);
});

test("failures are counted over all processes, malformed tokens too; requests without any are no guesses", async () => {
  const guesser = address();
  for (let attempt = 0; attempt < thresholds.perAddress; attempt += 1) {
    expect((await ask(guesser, undefined)).status).toBe(401);
    expect((await ask(guesser, "nonsense", attempt % 2 === 0 ? api.url : another.url)).status).toBe(401);
  }
  expect((await ask(guesser, "nonsense", another.url)).status).toBe(429);
});

test("an IPv6 address stands for its /64", async () => {
  for (let attempt = 0; attempt < thresholds.perAddress; attempt += 1) expect((await ask(`2001:db8:1:2::${attempt + 1}`, "nonsense")).status).toBe(401);
  expect((await ask("2001:db8:1:2:ffff::1", "nonsense")).status).toBe(429);
  expect((await ask("2001:db8:1:3::1", "nonsense")).status).toBe(401);
});

test("a key that strangers guess at is refused from new addresses, and goes on for who used it before", async () => {
  const owner = address();
  const tenant = await api.createTestTenant(agency, "Guessed");
  expect((await ask(owner, tenant.key)).status).toBe(200);
  for (let attempt = 0; attempt < thresholds.perKey; attempt += 1) expect((await ask(address(), wrong(tenant.key))).status).toBe(401);
  expect((await ask(address(), wrong(tenant.key))).status).toBe(429);
  expect((await ask(address(), tenant.key)).status).toBe(429);
  expect((await ask(owner, tenant.key)).status).toBe(200);
  expect((await ask(address(), agency.key)).status).toBe(200);
});

test("a guessed session counts like a guessed key", async () => {
  const guesser = address();
  const guess = () => createClient(api.url).get("/v1/me", { "x-forwarded-for": guesser, cookie: `fluxo_session=${randomBytes(32).toString("base64url")}` });
  for (let attempt = 0; attempt < thresholds.perAddress; attempt += 1) expect((await guess()).status).toBe(401);
  expect((await guess()).status).toBe(429);
});

test("while Redis is away each process counts by itself, and refuses all the same", async () => {
  const guesser = address();
  api.redis.disconnect();
  try {
    await expect.poll(() => api.redis.status).toBe("end");
    for (let attempt = 0; attempt < thresholds.perAddress; attempt += 1) expect((await ask(guesser, unknownKey())).status).toBe(401);
    expect((await ask(guesser, unknownKey())).status).toBe(429);
    expect((await ask(guesser, agency.key)).status).toBe(429);
    expect((await ask(address(), agency.key)).status).toBe(200);
  } finally {
    await api.redis.connect();
  }
});
