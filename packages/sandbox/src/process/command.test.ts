import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, expect, test } from "vitest";
import { CHILD_ENVIRONMENT, childFlags } from "./command.ts";

const folder = mkdtempSync(join(tmpdir(), "fluxo-sandbox-"));
const canary = join(folder, "canary");
const target = join(folder, "target");
const ROGUE = resolve(import.meta.dirname, "../testing/rogue.ts");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function runRogue(flags: readonly string[], env: Readonly<Record<string, string>>): unknown {
  writeFileSync(canary, "tweet");
  rmSync(target, { force: true });
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, ROGUE, canary, target], { cwd: "/", env: { ...env }, encoding: "utf8" });
  return stdout === "" ? stderr : JSON.parse(stdout);
}

test("a child process itself reads no file, writes none, starts nothing, makes no code and has no environment", () => {
  expect(runRogue([...childFlags(), `--allow-fs-read=${ROGUE}`], CHILD_ENVIRONMENT)).toEqual({
    read: "ERR_ACCESS_DENIED",
    readSystem: "ERR_ACCESS_DENIED",
    readParent: "ERR_ACCESS_DENIED",
    readOwn: "ERR_ACCESS_DENIED",
    write: "ERR_ACCESS_DENIED",
    spawn: "ERR_ACCESS_DENIED",
    thread: "ERR_ACCESS_DENIED",
    code: "EvalError: Code generation from strings disallowed for this context",
    environment: ["TZ"],
  });
  expect(existsSync(target)).toBe(false);
});

test("what is refused there is possible elsewhere", () => {
  expect(runRogue([], { SECRET: "1" })).toMatchObject({ read: "done", write: "done", spawn: "done", thread: "done", code: "done", environment: ["SECRET"] });
  expect(existsSync(target)).toBe(true);
});
