import { describe, expect, test } from "vitest";
import { EXPRESSION_LENGTH_MAX, SOURCE_BYTES_MAX } from "../limits.ts";
import { javascriptProblem } from "./javascript.ts";
import { jsonataProblem } from "./jsonata.ts";

declare global {
  var wasRun: boolean | undefined;
}

function fill(piece: string, length: number): string {
  return piece.repeat(Math.floor(length / piece.length));
}

/** The best of three, so that a busy machine does not count. */
function quickestMs(work: () => unknown): number {
  const durations = [1, 2, 3].map(() => {
    const begun = performance.now();
    work();
    return performance.now() - begun;
  });
  return Math.min(...durations);
}

describe("JavaScript", () => {
  test.each(["return input.a;", "", "const f = async () => { await null; };\nreturn f();", "return /a+/u.test('a')"])("reads %j", (source) => {
    expect(javascriptProblem(source)).toBeUndefined();
  });

  test.each([
    ["return 1;\nlet x = ;", "(line 2)"],
    ["\nreturn (", "(line 2)"],
    ["await input;", "(line 1)"],
    ["import fs from 'fs'", "(line 1)"],
    ["x = 010", "(line 1)"],
    ["}); globalThis.wasRun = true; (function () {", "(line 1)"],
    ["} globalThis.wasRun = true; {", "(line 1)"],
  ])("does not read %j", (source, place) => {
    expect(javascriptProblem(source)).toContain(place);
    expect(globalThis.wasRun).toBeUndefined();
  });

  test("runs nothing", () => {
    expect(javascriptProblem("globalThis.wasRun = true; throw new Error()")).toBeUndefined();
    expect(globalThis.wasRun).toBeUndefined();
  });
});

describe("JSONata", () => {
  test.each(["a.b[c=1].{'x': $sum(d)}", "($f := function($n){$f($n+1)}; $f(0))", "/^(a+)+$/"])("reads %j", (expression) => {
    expect(jsonataProblem(expression)).toBeUndefined();
  });

  test.each([
    ["a b", "S0201, at character 3"],
    ["", "S0207"],
    ["$sum(", "S0203"],
    ["/+/", "Invalid regular expression"],
    ["'open", "S0101"],
  ])("does not read %j", (expression, reason) => {
    expect(jsonataProblem(expression)).toContain(reason);
  });
});

describe("reading", () => {
  test("leaves expressions of very many steps to their execution", () => {
    expect(jsonataProblem(`${"a.".repeat(256)}b c`)).toContain("S0201");
    expect(jsonataProblem(`${"a.".repeat(257)}b c`)).toBeUndefined();
  });

  const expressions = ["(", "[", "{'a':", "a.", "%.", "**.", "a[b].", "a[0].", "$f(", "function($x){", "a^(>b).", "1+", "-", "a?b:", "'x'&", "/a/.", "\\", "``.", "a@$b.", "a#$i.", "<<<", "~>", "/(a{1,9}){1,9}/.", "/* */"];

  // As many paths as are parsed at all, and as much else as fits.
  test.each(expressions)("an expression full of %j ends soon", (piece) => {
    const paths = piece.includes(".");
    const expression = paths ? piece.repeat(256) : fill(piece, EXPRESSION_LENGTH_MAX);
    expect(quickestMs(() => jsonataProblem(expression))).toBeLessThan(100);
  });

  test.each(["(", "[", "{", "(()=>{", "`${", "a=>", "1+", "!", "a?b:", "/(a{1,9}){1,9}/.", "class{", "async()=>", "[a,", "({a:", "new "])("a source full of %j ends soon", (piece) => {
    const source = fill(piece, SOURCE_BYTES_MAX);
    expect(quickestMs(() => javascriptProblem(source))).toBeLessThan(100);
  });
});
