import { afterEach, describe, expect, test } from "vitest";
import type { SandboxPool } from "./pool.ts";
import { createPool, jobOf, outcomeOf } from "./testing/pool.ts";

const SPIN = "while (true) {}";
const pools: SandboxPool[] = [];

function poolOf(options: Parameters<typeof createPool>[0]): SandboxPool {
  const pool = createPool(options);
  pools.push(pool);
  return pool;
}

afterEach(() => {
  for (const pool of pools.splice(0)) pool.stop();
});

describe("processes", () => {
  test("start when the first job comes, and one more to be ready", async () => {
    const pool = poolOf({});
    expect(pool.load).toEqual({ running: 0, waiting: 0, processes: 0 });
    await pool.run(jobOf("return 1"));
    expect(pool.load).toEqual({ running: 0, waiting: 0, processes: 2 });
  });

  test("serve one tenant each, again and again, and are never more than twice the number", async () => {
    const pool = poolOf({ processes: 1 });
    for (const tenantId of ["a", "a", "b", "a", "c"]) {
      await pool.run(jobOf("return 1", { tenantId }));
      expect(pool.load.processes).toBeLessThanOrEqual(2);
    }
    await pool.run(jobOf("return 1", { tenantId: "c" }));
    const busy = Array.from({ length: 10 }, (_, index) => outcomeOf(pool, jobOf("return 1", { tenantId: `t${index}` })));
    expect(await Promise.all(busy)).toEqual(busy.map(() => ({ output: 1 })));
    expect(pool.load.processes).toBeLessThanOrEqual(2);
  });

  test("are replaced after so many jobs", async () => {
    const pool = poolOf({ processes: 1, jobsPerProcess: 2 });
    await pool.run(jobOf("return 1"));
    expect(pool.load.processes).toBe(2);
    await pool.run(jobOf("return 1"));
    expect(pool.load.processes).toBe(1);
    expect(await outcomeOf(pool, jobOf("return 1"))).toEqual({ output: 1 });
  });

  test("are killed when their job is called off, and nobody waits for them", async () => {
    const pool = poolOf({ processes: 1 });
    await pool.run(jobOf("return 1"));
    const controller = new AbortController();
    const reason = new Error("canceled");
    const spinning = pool.run(jobOf(SPIN, { signal: controller.signal }));
    const waiting = pool.run(jobOf("return 2"));
    expect(pool.load).toMatchObject({ running: 1, waiting: 1 });
    controller.abort(reason);
    await expect(spinning).rejects.toBe(reason);
    await expect(waiting).resolves.toMatchObject({ output: 2 });
  });

  test("end with the pool; what runs and what waits is told so, to be tried elsewhere", async () => {
    const pool = poolOf({ processes: 1 });
    const jobs = [SPIN, "return 2"].map((source) => outcomeOf(pool, jobOf(source)));
    await pool.run(jobOf("return 1", { tenantId: "b", timeoutMs: 1, signal: AbortSignal.abort() })).catch(() => undefined);
    pool.stop();
    const ended = { code: "SANDBOX_FAILED", errorClass: "SERVER", message: expect.any(String) };
    expect(await Promise.all(jobs)).toEqual([ended, ended]);
    expect(await outcomeOf(pool, jobOf("return 1"))).toEqual(ended);
    expect(pool.load).toEqual({ running: 0, waiting: 0, processes: 0 });
  });
});

describe("turns", () => {
  test("a tenant holds at most half, so another one is served while all of its jobs spin", async () => {
    const pool = poolOf({ processes: 2 });
    await Promise.all(["a", "b"].map((tenantId) => pool.run(jobOf("return 1", { tenantId }))));
    const controller = new AbortController();
    const flood = Array.from({ length: 20 }, () => outcomeOf(pool, jobOf(SPIN, { tenantId: "a", signal: controller.signal })).catch(() => "canceled"));
    expect(pool.load).toMatchObject({ running: 1, waiting: 19 });
    for (let index = 0; index < 5; index += 1) expect(await outcomeOf(pool, jobOf("return 1", { tenantId: "b" }))).toEqual({ output: 1 });
    expect(pool.load).toMatchObject({ running: 1, waiting: 19 });
    controller.abort();
    expect(new Set(await Promise.all(flood))).toEqual(new Set(["canceled"]));
    expect(pool.load).toMatchObject({ running: 0, waiting: 0 });
  });

  test("what finds no room to wait is to be tried again later", async () => {
    const pool = poolOf({ processes: 1, waitingPerTenantMax: 2, waitingMax: 3 });
    const controller = new AbortController();
    const start = (tenantId: string): Promise<unknown> => outcomeOf(pool, jobOf(SPIN, { tenantId, signal: controller.signal })).catch(() => "canceled");
    const admitted = ["a", "a", "a", "b"].map(start);
    const refused = { code: "SANDBOX_BUSY", errorClass: "RATE_LIMIT", message: expect.any(String) };
    expect(await Promise.all([start("a"), start("b"), start("c")])).toEqual([refused, refused, refused]);
    controller.abort();
    expect(await Promise.all(admitted)).toEqual(["canceled", "canceled", "canceled", "canceled"]);
  });
});
