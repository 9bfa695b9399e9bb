import { expect, test } from "vitest";
import { isBoundTo } from "./hosts.ts";

test.each([
  ["api.example.com", "api.example.com", true],
  ["api.example.com", "API.Example.com", true],
  ["api.example.com", "api.example.com.", true],
  ["api.example.com", "api.example.com:443", true],
  ["api.example.com", "api.example.com:80", true],
  ["api.example.com", "api.example.com:8443", false],
  ["api.example.com:8443", "api.example.com:8443", true],
  ["api.example.com:8443", "api.example.com", false],
  ["api.example.com:443", "api.example.com", true],
  ["api.example.com", "evil-api.example.com", false],
  ["api.example.com", "api.example.com.evil.test", false],
  ["*.example.com", "a.example.com", true],
  ["*.example.com", "a.b.example.com", true],
  ["*.example.com", "example.com", false],
  ["*.example.com", "evilexample.com", false],
  ["*.example.com:9000", "a.example.com:9000", true],
  ["*.example.com:9000", "a.example.com", false],
  ["127.0.0.1:9001", "127.0.0.1:9001", true],
  ["127.0.0.1:9001", "127.0.0.1:9002", false],
  ["[::1]:9001", "[::1]:9001", true],
  ["[::1]", "[::1]", true],
  ["example.com", "", false],
  ["example.com", "example.com:443:80", false],
  ["example.com", "user@example.com", false],
] as const)("%s covers %s: %s", (host, target, expected) => {
  expect(isBoundTo([host], target)).toBe(expected);
});

test("any of several hosts will do, none will not", () => {
  expect(isBoundTo(["a.test", "b.test"], "b.test")).toBe(true);
  expect(isBoundTo([], "b.test")).toBe(false);
});
