import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { JobHeader } from "../protocol.ts";
import { watchMemory } from "./memory-watch.ts";
import { SandboxProcess } from "./sandbox-process.ts";

const clock = { now: () => new Date(), sleep: (ms: number, signal?: AbortSignal) => setTimeout(ms, undefined, { signal }) };
const spin: JobHeader = { language: "javascript", source: "for (;;);", timeoutMs: 10_000, memoryBytesMax: 2 ** 25, outputBytesMax: 1_000 };
const quick: JobHeader = { ...spin, source: "return 1" };
const started: SandboxProcess[] = [];
let gone = 0;

function start(): SandboxProcess {
  const child = new SandboxProcess({ clock, memoryBytesMax: 2 ** 25 }, () => {
    gone += 1;
  });
  started.push(child);
  return child;
}

/** Sends a signal to a child once it is up. */
async function signal(child: SandboxProcess, name: "SIGKILL" | "SIGSTOP"): Promise<void> {
  await child.run(quick, "null");
  if (child.pid !== undefined) process.kill(child.pid, name);
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill();
  gone = 0;
});

describe("a process", () => {
  test("that answers no more is killed from outside when the time of its job is over", async () => {
    const child = start();
    await signal(child, "SIGSTOP");
    await expect(child.run({ ...quick, timeoutMs: 50 }, "null")).resolves.toEqual({ kind: "killed", why: "timeout" });
    expect([child.isGone, gone]).toEqual([true, 1]);
    await expect.poll(() => isAlive(child.pid)).toBe(false);
  });

  test("that dies takes its job with it, and takes no other one", async () => {
    const child = start();
    await child.run(quick, "null");
    const job = child.run(spin, "null");
    await setTimeout(50);
    if (child.pid !== undefined) process.kill(child.pid, "SIGKILL");
    await expect(job).resolves.toEqual({ kind: "died", detail: "it exited with SIGKILL" });
    expect([child.isGone, gone]).toEqual([true, 1]);
    await expect(child.run(quick, "null")).resolves.toMatchObject({ kind: "died" });
  });

  test("gives way to the worker, and knows nothing of its environment", async () => {
    const child = start();
    await child.run(quick, "null");
    const [stat, environment] = await Promise.all([readFile(`/proc/${child.pid}/stat`, "ascii"), readFile(`/proc/${child.pid}/environ`, "ascii")]);
    expect(Number(stat.slice(stat.lastIndexOf(")")).split(" ")[17])).toBeGreaterThan(0);
    expect(environment).toBe("TZ=UTC\0");
  });
});

describe("watching memory", () => {
  test("tells once when a process uses more than it may", async () => {
    let told = 0;
    await watchMemory(process.pid, 1_000, clock, new AbortController().signal, () => {
      told += 1;
    });
    expect(told).toBe(1);
  });

  test("tells nothing of one that uses less, and ends with its signal", async () => {
    let told = 0;
    await watchMemory(process.pid, 2 ** 50, clock, AbortSignal.timeout(250), () => {
      told += 1;
    });
    expect(told).toBe(0);
  });
});

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
