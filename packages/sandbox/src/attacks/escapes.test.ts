import { existsSync, readFileSync, rmSync } from "node:fs";
import { compileFunction } from "node:vm";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Canary } from "../testing/canary.ts";
import { createPool, jobOf, outcomeOf } from "../testing/pool.ts";
import { JAVASCRIPT_ESCAPES, JSONATA_ESCAPES, LOOT } from "./escapes.ts";

const pool = createPool();
let canary: Canary;
beforeAll(async () => {
  canary = await Canary.start();
});
afterAll(async () => {
  pool.stop();
  await canary[Symbol.asyncDispose]();
});

/** Whatever a payload ended in: a typed error that the tenant caused, or an output. Nothing of the host in it, nothing of the host touched. */
async function expectHarmless(source: string, language: "javascript" | "jsonata"): Promise<void> {
  const outcome = await outcomeOf(pool, jobOf(source, { language, input: { items: [{ a: 1 }] }, timeoutMs: 2_000 }));
  expect(outcome).toEqual("code" in outcome ? { code: expect.stringMatching(/^CODE_(FAILED|INVALID|TIMEOUT|MEMORY_EXCEEDED)$/), errorClass: "DATA", message: expect.any(String) } : { output: expect.toSatisfy(() => true) });
  expect(JSON.stringify(outcome)).not.toContain(canary.secret);
  expect({ hits: canary.hits, isWritten: existsSync(canary.target), file: readFileSync(canary.file, "utf8") }).toEqual({ hits: 0, isWritten: false, file: canary.secret });
  // Neither this process nor the next job is another one than before.
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(Object.hasOwn(Object.prototype, "isAdmin")).toBe(false);
  expect(await outcomeOf(pool, jobOf("return [typeof ({}).isAdmin, Object.keys(Object.prototype), typeof process];"))).toEqual({ output: ["undefined", [], "undefined"] });
}

describe("ways out of JavaScript", () => {
  test.each(JAVASCRIPT_ESCAPES)("$from", async ({ source }) => {
    const names = `const FILE = ${JSON.stringify(canary.file)}; const TARGET = ${JSON.stringify(canary.target)}; const URL = ${JSON.stringify(canary.url)};`;
    await expectHarmless(`${names}${LOOT}${source}`, "javascript");
  });

  test("would be seen: the same loot, taken in this process, is found", async () => {
    const take = compileFunction(`${LOOT} return loot(host);`, ["FILE", "TARGET", "URL", "host"]);
    expect(take(canary.file, canary.target, canary.url, process)).toEqual([canary.secret, canary.secret]);
    expect(existsSync(canary.target)).toBe(true);
    rmSync(canary.target);
    await expect.poll(() => canary.hits).toBe(1);
    canary.hits = 0;
  });

  test("every global name is one of the language's", async () => {
    const { output } = await pool.run(jobOf("return Object.getOwnPropertyNames(globalThis).sort();"));
    const known = new Set([...Object.getOwnPropertyNames(globalThis), "InternalError", "DOMException", "queueMicrotask"]);
    const host = new Set(["process", "require", "module", "Buffer", "fetch", "WebAssembly", "setTimeout", "setInterval", "global", "XMLHttpRequest", "WebSocket", "std", "os", "bjson", "navigator", "Worker"]);
    const names = z.array(z.string()).parse(output);
    expect(names).toContain("Object");
    expect(names.filter((name) => !known.has(name) || host.has(name))).toEqual([]);
  });
});

describe("ways out of JSONata", () => {
  test.each(JSONATA_ESCAPES)("$from", async ({ source }) => {
    await expectHarmless(source.replaceAll("TARGET", canary.target), "jsonata");
  });
});
