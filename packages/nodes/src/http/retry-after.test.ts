import { describe, expect, test } from "vitest";
import { nodeContext } from "../testing/node-context.ts";
import { parseRetryAfter } from "./retry-after.ts";

describe("parseRetryAfter", () => {
  test.each<[string | undefined, number | undefined]>([
    ["120", 120_000],
    ["0", 0],
    [" 7 ", 7_000],
    ["Mon, 05 Jan 2026 07:00:30 GMT", 30_000],
    ["Monday, 05-Jan-26 07:00:30 GMT", 30_000],
    ["Mon Jan  5 07:00:30 2026", 30_000],
    ["Mon, 05 Jan 2026 06:59:00 GMT", 0],
    [undefined, undefined],
    ["", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["soon", undefined],
    ["2026-01-05T07:00:30Z", undefined],
    ["Mon, 99 Xxx 2026 07:00:30 GMT", undefined],
    ["1".repeat(40), undefined],
  ])("%j asks for %s ms", (header, expected) => {
    expect(parseRetryAfter(header, nodeContext().clock)).toBe(expected);
  });
});
