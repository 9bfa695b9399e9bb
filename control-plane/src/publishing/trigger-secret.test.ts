import { randomBytes } from "node:crypto";
import { createSecretBox } from "@fluxo/runtime/secrets/box";
import { expect, test } from "vitest";
import { authenticationMode, isStandardSecret, makeSecret, sealSecret } from "./trigger-secret.ts";

test.each([
  [{ authentication: { mode: "standard" } }, "standard"],
  [{ authentication: { mode: "hmac" } }, "hmac"],
  [{ authentication: { mode: "header" } }, "header"],
  [{ authentication: { mode: "stripe" } }, "stripe"],
  [{ authentication: { mode: "microsoft" } }, "microsoft"],
  [{ authentication: { mode: "constructor" } }, "none"],
  [{ authentication: { mode: "none" } }, "none"],
  [{ authentication: "standard" }, "none"],
  [{}, "none"],
  [[], "none"],
  [null, "none"],
] as const)("%j has the mode %s", (config, mode) => {
  expect(authenticationMode(JSON.parse(JSON.stringify(config)))).toBe(mode);
});

test("makes secrets of 256 bits in the form of their mode", () => {
  expect(isStandardSecret(makeSecret("standard", randomBytes))).toBe(true);
  expect(Buffer.from(makeSecret("hmac", randomBytes), "base64url")).toHaveLength(32);
  expect(isStandardSecret("whsec_AAAA")).toBe(false);
  expect(isStandardSecret(`whsec_${"A".repeat(32)}`)).toBe(true);
  expect(isStandardSecret("A".repeat(32))).toBe(false);
});

test("a sealed secret opens for its own tenant and trigger only", () => {
  const box = createSecretBox(Buffer.alloc(32, 1));
  const sealed = sealSecret(box, "the secret", "tenant", "trigger");
  expect(box.open(sealed, ["tenant", "trigger"]).toString()).toBe("the secret");
  expect(() => box.open(sealed, ["tenant", "other"])).toThrow("not authentic");
  expect(() => box.open(sealed, ["other", "trigger"])).toThrow("not authentic");
});
