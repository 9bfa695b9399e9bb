import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_MESSAGE_LENGTH, MAX_STACK_FRAMES, MAX_STACK_LENGTH, normalizeMessage, normalizeStack } from "./normalize.ts";

test.each([
  ["401 for Bearer abc.def-123, refused", "401 for Bearer ***, refused"],
  ["sent Authorization: Basic dXNlcjpwYXNz, got 401", "sent Authorization: ***, got 401"],
  ['headers {"authorization":"Bearer abc","x":1}', 'headers {"authorization":"***","x":1}'],
  ["GET https://x.test/a?api_key=abc&page=2&access_token=def", "GET https://x.test/a?api_key=***&page=2&access_token=***"],
  ["PASSWORD = hunter2; next", "PASSWORD = ***; next"],
  ['body {"clientSecret": "abc", "name": "n"}', 'body {"clientSecret": "***", "name": "n"}'],
  [String.raw`body "{\"password\":\"abc\",\"name\":1}"`, String.raw`body "{\"password\":\"***\",\"name\":1}"`],
  ["the password: hunter2 is wrong", "the password: *** is wrong"],
  ["postgres://user:p@ss@db.test/x failed", "postgres://***@db.test/x failed"],
  ["got eyJhbGciOi.eyJzdWIiOi.c2ln and sk_live_0123456789", "got *** and ***"],
  ["Bea\u0000rer abc", "Bearer ***"],
  ["line one\nline\ttwo \u001B[31mred\u202E", "line one line two [31mred"],
  ["Unknown key: colour. Unexpected token < at mail@x.test", "Unknown key: colour. Unexpected token < at mail@x.test"],
])("%j", (message, expected) => {
  expect(normalizeMessage(message)).toBe(expected);
});

test("bounds the length without cutting a character in half", () => {
  expect(normalizeMessage("x".repeat(2_000))).toHaveLength(MAX_MESSAGE_LENGTH);
  expect(normalizeMessage("x".repeat(2_001))).toBe(`${"x".repeat(1_999)}…`);
  expect(normalizeMessage(`${"x".repeat(1_998)}😀xx`)).toBe(`${"x".repeat(1_998)}…`);
  expect(normalizeStack("x\n".repeat(10_000))).toHaveLength(MAX_STACK_LENGTH);
});

test("a stack keeps its lines", () => {
  expect(normalizeStack("Error: token=abc\r\n    at f (a.ts:1)\n    at g")).toBe("Error: token=***\n    at f (a.ts:1)\n    at g");
});

test("a stack has no frames inside of Node, which differ with the timing", () => {
  const frames = ["    at f (a.ts:1)", "    at runNextTicks (node:internal/process/task_queues:65:5)", "    at async node:internal/x:1:2", "    at g (node:events:1)", "    at h (b.ts:2)"];
  expect(normalizeStack(["Error: node:internal/ broke", ...frames].join("\n"))).toBe("Error: node:internal/ broke\n    at f (a.ts:1)\n    at g (node:events:1)\n    at h (b.ts:2)");
});

test("a stack has as many frames as are captured whatever the timing", () => {
  const own = Array.from({ length: 10 }, (_, index) => `    at f${index} (a.ts:${index})`);
  const expected = ["Error: x", ...own.slice(0, MAX_STACK_FRAMES)].join("\n");
  expect(normalizeStack(["Error: x", ...own].join("\n"))).toBe(expected);
  const internal = Array.from({ length: 4 }, () => "    at listOnTimeout (node:internal/timers:605:17)");
  expect(normalizeStack(["Error: x", ...own.slice(0, 2), ...internal, ...own.slice(2, 6)].join("\n"))).toBe(expected);
});

test("any message becomes one well-formed line in bounds, without the secrets that were in it", () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9]{12,40}$/);
  const holder = fc.constantFrom((s: string) => `Bearer ${s}`, (s: string) => `?token=${s}&a`, (s: string) => `https://u:${s}@h.test/`, (s: string) => `"password":"${s}"`);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), secret, holder, fc.string({ unit: "binary" }), (before, value, hold, after) => {
      const text = normalizeMessage(`${before} ${hold(value)} ${after}`);
      expect(text.length).toBeLessThanOrEqual(MAX_MESSAGE_LENGTH);
      expect(text).not.toMatch(/\p{Cc}/u);
      expect(text.isWellFormed()).toBe(true);
      expect(text).not.toContain(value);
    }),
  );
});

test.each(["authorization: bearer ", "bearer ", "key =  ", 'token"  :  ', "password: ", "://", "://a", "eyJ", "eyJ-", "a@", "sk_", "eyJa.", "\\\\\"", " ", "\u0000"])("1 MB of %j takes linear time", { timeout: 60_000 }, (piece) => {
  const text = piece.repeat(Math.ceil(1_000_000 / piece.length));
  const begun = performance.now();
  normalizeMessage(text);
  expect(performance.now() - begun).toBeLessThan(5_000);
});
