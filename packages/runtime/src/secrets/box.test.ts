import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createSecretBox, SecretBoxError, type SecretBoxErrorCode } from "./box.ts";

const masterKey = randomBytes(32);
const box = createSecretBox(masterKey);
const AAD = ["tenant-1", "credential-9", "3"];
const CANARY = "cAnArY";

function codeOf(action: () => unknown): SecretBoxErrorCode {
  try {
    action();
  } catch (error) {
    if (error instanceof SecretBoxError) {
      expect(`${error.message}${error.stack}${String(error.cause)}`).not.toContain(CANARY);
      return error.code;
    }
    throw error;
  }
  throw new Error("expected a SecretBoxError");
}

test("opens what it sealed, for any content and any place", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ minLength: 1 }), fc.array(fc.string(), { maxLength: 3 }), (content, tenantId, rest) => {
      const aad = [tenantId, ...rest];
      expect(box.open(box.seal(content, aad), aad)).toEqual(Buffer.from(content));
    }),
  );
  expect(box.open(box.seal("grüße", AAD), AAD).toString("utf8")).toBe("grüße");
  expect(box.open(box.seal("", AAD), AAD)).toHaveLength(0);
});

test("opens only under the same tenant, record and version, also when parts are shifted between each other", () => {
  const sealed = box.seal(CANARY, AAD);
  const others = [
    ["tenant-2", "credential-9", "3"],
    ["tenant-1", "credential-8", "3"],
    ["tenant-1", "credential-9", "4"],
    ["tenant-1", "3", "credential-9"],
    ["tenant-1", "credential-93"],
    ["tenant-1", "credential-9", "3", ""],
    ["tenant-1credential-9", "3"],
    ["tenant-1"],
  ];
  for (const aad of others) expect(codeOf(() => box.open(sealed, aad))).toBe("NOT_AUTHENTIC");
});

test("refuses every single altered bit", () => {
  const sealed = box.seal(CANARY, AAD);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const altered = Buffer.from(sealed);
    altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const expected = bit < 8 ? "MALFORMED" : bit < 40 ? "KEY_UNKNOWN" : "NOT_AUTHENTIC";
    expect(codeOf(() => box.open(altered, AAD))).toBe(expected);
  }
});

test("refuses truncated tags and anything shorter than a sealed secret", () => {
  const sealed = box.seal(CANARY, AAD);
  for (let length = 0; length < sealed.length; length += 1) {
    expect(["MALFORMED", "NOT_AUTHENTIC"]).toContain(codeOf(() => box.open(sealed.subarray(0, length), AAD)));
  }
  expect(codeOf(() => box.open(Buffer.concat([sealed, Buffer.of(0)]), AAD))).toBe("NOT_AUTHENTIC");
});

test("never gives the same bytes twice, and does not contain the content", () => {
  const sealed = Array.from({ length: 50 }, () => box.seal(CANARY, AAD).toString("latin1"));
  expect(new Set(sealed.map((text) => text.slice(5))).size).toBe(50);
  expect(sealed.some((text) => text.includes(CANARY))).toBe(false);
});

test("another master key is named as the reason; a previous key opens but does not seal", () => {
  const sealed = box.seal(CANARY, AAD);
  const newKey = randomBytes(32);
  expect(codeOf(() => createSecretBox(newKey).open(sealed, AAD))).toBe("KEY_UNKNOWN");
  const rotated = createSecretBox(newKey, [masterKey]);
  expect(rotated.open(sealed, AAD).toString()).toBe(CANARY);
  expect(codeOf(() => box.open(rotated.seal(CANARY, AAD), AAD))).toBe("KEY_UNKNOWN");
  expect([rotated.isCurrent(sealed), rotated.isCurrent(rotated.seal(CANARY, AAD)), box.isCurrent(sealed)]).toEqual([false, true, true]);
});

test("does not follow later changes of the key's buffer", () => {
  const key = randomBytes(32);
  const own = createSecretBox(key);
  const sealed = own.seal(CANARY, AAD);
  key.fill(0);
  expect(own.open(sealed, AAD).toString()).toBe(CANARY);
});

test("refuses a key of another length and a place without tenant", () => {
  expect(() => createSecretBox(randomBytes(16))).toThrow(RangeError);
  expect(() => createSecretBox(masterKey, [randomBytes(31)])).toThrow(RangeError);
  expect(() => box.seal("x", [])).toThrow(RangeError);
  expect(() => box.seal("x", ["", "record"])).toThrow(RangeError);
});
