import { generateKeyPair, SignJWT } from "jose";
import type { Clock } from "@fluxo/core/ports/clock";
import { systemClock } from "@fluxo/runtime/clock";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient, type ClientAnswer } from "../testing/client.ts";
import { startHarness, type Harness, type TestAgency } from "../testing/harness.ts";
import { createTestSigner, type TestSigner } from "../testing/signer.ts";

const thresholds = { perAddress: 6, perKey: 4 };
const exchangesPerMinute = { ofAddress: 20, ofAgency: 12 };
/** Redis counts, however busy the machine is: nobody gives it up for being slow. */
const unhurried: Clock = { now: () => systemClock.now(), sleep: (ms, signal) => systemClock.sleep(ms * 100, signal) };
let api: Harness;
let nextAddress = 0;

beforeAll(async () => {
  api = await startHarness({ thresholds, exchangesPerMinute, clock: unhurried });
});
afterAll(() => api.stop());

const address = (): string => {
  nextAddress += 1;
  return `198.51.100.${nextAddress}`;
};

async function signing(name: string): Promise<{ agency: TestAgency; crm: TestSigner }> {
  const agency = await api.createTestAgency(name);
  return { agency, crm: await createTestSigner(api.url, agency) };
}

const send = (token: string, from: string, url = api.url): Promise<ClientAnswer> => createClient(url).post("/v1/provisioning/token-exchange", { token }, { "x-forwarded-for": from });

/** A token of a stranger that names an agency and one of its keys. */
async function forged(agency: TestAgency, keyId: string): Promise<string> {
  const { privateKey } = await generateKeyPair("EdDSA");
  return new SignJWT({ iss: agency.id, aud: "fluxo:provisioning" }).setProtectedHeader({ alg: "EdDSA", kid: keyId }).sign(privateKey);
}

function expectLimited(answer: ClientAnswer): void {
  expect([answer.status, answer.at("code")]).toEqual([429, "RATE_LIMITED"]);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(Number(answer.headers.get("retry-after"))).toBeLessThanOrEqual(60);
}

test("an address that sends tokens nobody signed is refused after so many, by every process, also with a good one", async () => {
  const { agency, crm } = await signing("Guessed at");
  const others = await Promise.all(["B", "C"].map(signing));
  const guesser = address();
  // Several agencies: it is the address that is over its limit.
  const victims = [agency, ...others.map((other) => other.agency)];
  for (let attempt = 0; attempt < thresholds.perAddress; attempt += 1) expect((await send(await forged(victims[attempt % 3] ?? agency, crm.keyId), guesser)).status).toBe(401);
  expectLimited(await send("e30.e30.AAAAAAAAAAAAAAAA", guesser));
  expectLimited(await send(await crm.sign(), guesser));
  const another = await api.startAnother();
  await expect.poll(async () => (await send(await forged(agency, crm.keyId), guesser, another.url)).status).toBe(429);
  await another.stop();
  expect((await send(await crm.sign(), address())).status).toBe(201);
});

test("an agency that strangers name is closed to new addresses, and open to those that came with a signed token before", async () => {
  const { agency, crm } = await signing("Named");
  const server = address();
  expect((await send(await crm.sign(), server)).status).toBe(201);
  for (let attempt = 0; attempt < thresholds.perKey; attempt += 1) expect((await send(await forged(agency, crm.keyId), address())).status).toBe(401);
  expectLimited(await send(await forged(agency, crm.keyId), address()));
  expectLimited(await send(await crm.sign(), address()));
  expect((await send(await crm.sign(), server)).status).toBe(200);
  const other = await signing("Not named");
  expect((await send(await other.crm.sign(), address())).status).toBe(201);
});

test("signed tokens that are refused are no guesses, and cost the agency its own limit", async () => {
  const { crm } = await signing("Late");
  const server = address();
  for (let attempt = 0; attempt < thresholds.perAddress + 2; attempt += 1) expect((await send(await crm.sign({ exp: Math.floor(Date.now() / 1_000) + 900 }), server)).at("code")).toBe("PROVISIONING_TOKEN_REFUSED");
  expect((await send(await crm.sign(), server)).status).toBe(201);
});

test("an agency's signed tokens have a limit over all addresses, an address one over all agencies", async () => {
  const { crm } = await signing("Busy");
  for (let attempt = 0; attempt < exchangesPerMinute.ofAgency; attempt += 1) expect((await crm.exchange("crm-1", undefined, address())).status).toBeLessThan(300);
  expectLimited(await crm.exchange("crm-1", undefined, address()));
  const server = address();
  const many = await Promise.all(["One", "Two"].map(signing));
  for (let attempt = 0; attempt < exchangesPerMinute.ofAddress; attempt += 1) expect((await many[attempt % 2]?.crm.exchange("crm-1", undefined, server))?.status).toBeLessThan(300);
  expectLimited(await send(await (await signing("Three")).crm.sign(), server));
});

test("while Redis is away each process counts by itself, and refuses all the same", async () => {
  const { agency, crm } = await signing("Alone");
  const [guesser, server] = [address(), address()];
  api.redis.disconnect();
  for (let attempt = 0; attempt < thresholds.perKey; attempt += 1) expect((await send(await forged(agency, crm.keyId), guesser)).status).toBe(401);
  expectLimited(await send(await forged(agency, crm.keyId), guesser));
  for (let attempt = 0; attempt < exchangesPerMinute.ofAddress; attempt += 1) await send("e30.e30.AAAAAAAAAAAAAAAA", server);
  expectLimited(await send(await crm.sign(), server));
});
