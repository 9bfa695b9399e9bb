import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { SecretBoxError, type SecretBoxErrorCode } from "./box.ts";
import { createFileKeyProvider, createStaticKeyProvider, type KeyProvider } from "./key-provider.ts";
import { createVault, type SecretPlace, type TenantKey } from "./vault.ts";

const masterKey = randomBytes(32);
const vault = createVault(createStaticKeyProvider(masterKey), () => 0);
const PLACE: SecretPlace = { record: "credential-9", part: "secrets", version: 3 };
const CANARY = "cAnArY-9182";
const folder = mkdtempSync(join(tmpdir(), "fluxo-keys-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function codeOf(action: Promise<unknown>): Promise<SecretBoxErrorCode> {
  const error: unknown = await action.then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof SecretBoxError)) throw new Error(`expected a SecretBoxError, got ${String(error)}`);
  expect(`${error.message}${error.stack}${String(error.cause)}`).not.toContain(CANARY);
  return error.code;
}

test("opens what it sealed, for any content", async () => {
  const key = await vault.createKey("tenant-1", 1);
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "grapheme" }), async (content) => {
      expect(await vault.open(key, await vault.seal(key, content, PLACE), PLACE)).toBe(content);
    }),
    { numRuns: 50 },
  );
});

test("what was sealed opens in no other place: tenant, key version, record, part, version", async () => {
  const key = await vault.createKey("tenant-1", 1);
  const sealed = await vault.seal(key, CANARY, PLACE);
  const others: SecretPlace[] = [{ ...PLACE, record: "credential-8" }, { ...PLACE, part: "token" }, { ...PLACE, version: 4 }, { record: "credential-9secrets", part: "", version: 3 }];
  for (const place of others) expect(await codeOf(vault.open(key, sealed, place))).toBe("NOT_AUTHENTIC");
  // The row with its wrapped key, copied to another tenant.
  expect(await codeOf(vault.open({ ...key, tenantId: "tenant-2" }, sealed, PLACE))).toBe("NOT_AUTHENTIC");
  expect(await codeOf(vault.open({ ...key, version: 2 }, sealed, PLACE))).toBe("NOT_AUTHENTIC");
  expect(await codeOf(vault.open(await vault.createKey("tenant-1", 1), sealed, PLACE))).toBe("NOT_AUTHENTIC");
});

test("refuses every altered bit, and every shortened tag", async () => {
  const key = await vault.createKey("tenant-1", 1);
  const sealed = await vault.seal(key, CANARY, PLACE);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const altered = Buffer.from(sealed);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(await codeOf(vault.open(key, altered, PLACE))).toBe(bit < 8 ? "MALFORMED" : "NOT_AUTHENTIC");
  }
  for (let length = 0; length < sealed.length; length += 1) expect(["MALFORMED", "NOT_AUTHENTIC"]).toContain(await codeOf(vault.open(key, sealed.subarray(0, length), PLACE)));
  const wrapped = Buffer.from(key.wrapped);
  for (let bit = 8; bit < wrapped.length * 8; bit += 1) {
    const altered = Buffer.from(wrapped);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(await codeOf(vault.open({ ...key, wrapped: altered }, sealed, PLACE))).toBe("NOT_AUTHENTIC");
  }
});

test("never gives the same bytes twice, and gives each tenant a key of its own", async () => {
  const key = await vault.createKey("tenant-1", 1);
  const sealed = await Promise.all(Array.from({ length: 50 }, () => vault.seal(key, CANARY, PLACE)));
  expect(new Set(sealed.map((bytes) => bytes.toString("hex"))).size).toBe(50);
  expect(sealed.some((bytes) => bytes.includes(CANARY))).toBe(false);
  const other = await vault.createKey("tenant-2", 1);
  expect(Buffer.from(other.wrapped).equals(Buffer.from(key.wrapped))).toBe(false);
});

test("after a rotation the previous root key still opens, the new one wraps, and rewrapping leaves what was sealed as it is", async () => {
  const key = await vault.createKey("tenant-1", 1);
  const sealed = await vault.seal(key, CANARY, PLACE);
  const newKey = randomBytes(32);
  expect(await codeOf(createVault(createStaticKeyProvider(newKey), () => 0).open(key, sealed, PLACE))).toBe("KEY_UNKNOWN");
  const rotated = createVault(createStaticKeyProvider(newKey, [masterKey]), () => 0);
  expect(await rotated.open(key, sealed, PLACE)).toBe(CANARY);
  const rewrapped = await rotated.rewrap(key);
  expect(rewrapped.rootKeyId).toBe(await rotated.currentRootKeyId());
  expect(rewrapped.rootKeyId).not.toBe(key.rootKeyId);
  const withoutOld = createVault(createStaticKeyProvider(newKey), () => 0);
  expect(await withoutOld.open(rewrapped, sealed, PLACE)).toBe(CANARY);
  expect(await codeOf(vault.open(rewrapped, sealed, PLACE))).toBe("KEY_UNKNOWN");
});

test("asks the provider once for a data key as long as it is kept, and again after a failure", async () => {
  const inner = createStaticKeyProvider(masterKey);
  let asked = 0;
  let isDown = false;
  const provider: KeyProvider = {
    ...inner,
    unwrap: (key, place) => {
      asked += 1;
      return isDown ? Promise.reject(new SecretBoxError("KEY_UNKNOWN")) : inner.unwrap(key, place);
    },
  };
  let nowMs = 0;
  const own = createVault(provider, () => nowMs);
  const key: TenantKey = await own.createKey("tenant-1", 1);
  const sealed = await own.seal(key, CANARY, PLACE);
  await Promise.all([own.open(key, sealed, PLACE), own.open(key, sealed, PLACE)]);
  expect(asked).toBe(1);
  nowMs = 300_001;
  isDown = true;
  expect(await codeOf(own.open(key, sealed, PLACE))).toBe("KEY_UNKNOWN");
  isDown = false;
  expect(await own.open(key, sealed, PLACE)).toBe(CANARY);
  expect(asked).toBe(3);
});

test("a key file is followed while the process runs", async () => {
  const path = join(folder, "keys");
  const [first, second] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];
  writeFileSync(path, `# the only one\n${first}\n`);
  let nowMs = 0;
  const early = createVault(await createFileKeyProvider(path, () => nowMs), () => nowMs);
  const old = await early.createKey("tenant-1", 1);
  const oldSealed = await early.seal(old, CANARY, PLACE);
  writeFileSync(path, `${second}\n${first}\n`);
  const late = createVault(await createFileKeyProvider(path, () => nowMs), () => nowMs);
  const fresh = await late.createKey("tenant-2", 1);
  const freshSealed = await late.seal(fresh, CANARY, PLACE);
  expect(await late.open(old, oldSealed, PLACE)).toBe(CANARY);
  expect(await codeOf(early.open(fresh, freshSealed, PLACE))).toBe("KEY_UNKNOWN");
  nowMs = 10_000;
  expect(await early.open(fresh, freshSealed, PLACE)).toBe(CANARY);
  expect((await early.createKey("tenant-3", 1)).rootKeyId).toBe(fresh.rootKeyId);
});

test("refuses key files and keys that are none, without telling their content", async () => {
  const path = join(folder, "broken");
  for (const content of ["", "# nothing\n", `${CANARY}\n`, `${randomBytes(32).toString("base64")}\n${CANARY}\n`]) {
    writeFileSync(path, content);
    await expect(createFileKeyProvider(path, () => 0)).rejects.toThrow(/32 bytes in base64/);
    await expect(createFileKeyProvider(path, () => 0)).rejects.not.toThrow(CANARY);
  }
  expect(() => createStaticKeyProvider(randomBytes(16))).toThrow(RangeError);
});
