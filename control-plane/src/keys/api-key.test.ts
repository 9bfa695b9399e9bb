import { randomBytes } from "node:crypto";
import { uuidV7 } from "@fluxo/prisma/ids";
import fc from "fast-check";
import { expect, test } from "vitest";
import { matchesSecret, mintApiKey, parseApiKey } from "./api-key.ts";

test("a key names its id and proves itself by its secret alone", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      const key = mintApiKey(uuidV7, () => Buffer.from(bytes));
      const parsed = parseApiKey(key.text);
      expect(parsed?.id).toBe(key.id);
      expect(key.text.startsWith(`${key.prefix}_`)).toBe(true);
      expect(matchesSecret(parsed?.secret ?? "", key.secretHash)).toBe(true);
      expect(key.secretHash.toString("latin1")).not.toContain(parsed?.secret);
    }),
  );
});

test("another secret, another hash or a hash of another length does not match", () => {
  const [one, two] = [mintApiKey(uuidV7, randomBytes), mintApiKey(uuidV7, randomBytes)];
  const secret = parseApiKey(one.text)?.secret ?? "";
  expect(matchesSecret(secret, two.secretHash)).toBe(false);
  expect(matchesSecret(`${secret}A`, one.secretHash)).toBe(false);
  expect(matchesSecret(secret, one.secretHash.subarray(1))).toBe(false);
  expect(matchesSecret(secret, new Uint8Array(32))).toBe(false);
});

test.each(["", "flx_", "flx_0197", `flx_${"a".repeat(32)}_short`, `flx_${"g".repeat(32)}_${"a".repeat(43)}`, `xfl_${"a".repeat(32)}_${"a".repeat(43)}`, `flx_${"a".repeat(32)}_${"a".repeat(200)}`])(
  "%s is no key",
  (text) => {
    expect(parseApiKey(text)).toBeUndefined();
  },
);
