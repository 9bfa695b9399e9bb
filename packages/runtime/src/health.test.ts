import express from "express";
import { afterEach, expect, test } from "vitest";
import { healthRouter, type HealthOptions } from "./health.ts";
import { listen, type RunningServer } from "./http-server.ts";
import { createMetrics, createRegistry } from "./metrics.ts";
import { ManualClock } from "./testing/manual-clock.ts";

const servers: RunningServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(100)));
});

async function serve(options: Partial<HealthOptions>): Promise<(path: string) => Promise<{ status: number; body: string; type: string | null }>> {
  const app = express().use(healthRouter({ checks: [], isStopping: () => false, registry: createRegistry(), ...options }));
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  servers.push(server);
  return async (path) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
    return { status: response.status, body: await response.text(), type: response.headers.get("content-type") };
  };
}

test("liveness asks no dependency and stays 200 while stopping", async () => {
  const call = await serve({ isStopping: () => true, checks: [{ name: "postgres", check: () => Promise.reject(new Error("down")) }] });
  expect(await call("/healthz")).toMatchObject({ status: 200, body: '{"status":"alive"}' });
});

test("readiness: 503 until each dependency has answered once, then 503 only after failures in a row, with names and nothing else", async () => {
  let isDown = true;
  const changes: unknown[] = [];
  const call = await serve({
    checks: [
      { name: "postgres", check: () => (isDown ? Promise.reject(new Error("password wrong")) : Promise.resolve()) },
      { name: "redis", check: () => Promise.resolve("PONG") },
    ],
    onChange: ({ name, isFailing }) => changes.push([name, isFailing]),
  });
  expect(await call("/readyz")).toMatchObject({ status: 503, body: '{"status":"not-ready","failing":["postgres"]}' });
  isDown = false;
  expect(await call("/readyz")).toMatchObject({ status: 200, body: '{"status":"ready","failing":[]}' });
  isDown = true;
  expect(await call("/readyz")).toMatchObject({ status: 200 });
  isDown = false;
  await call("/readyz");
  isDown = true;
  expect([(await call("/readyz")).status, (await call("/readyz")).status]).toEqual([200, 503]);
  isDown = false;
  expect((await call("/readyz")).status).toBe(200);
  expect(changes).toEqual([["redis", false], ["postgres", false], ["postgres", true], ["postgres", false]]);
});

test("readiness: 503 while stopping, without asking", async () => {
  let asked = 0;
  const call = await serve({ isStopping: () => true, checks: [{ name: "x", check: () => Promise.resolve((asked += 1)) }] });
  expect(await call("/readyz")).toMatchObject({ status: 503, body: '{"status":"stopping","failing":[]}' });
  expect(asked).toBe(0);
});

test("readiness: a check that hangs fails after its time-out and is aborted; one that throws at once fails too", async () => {
  const clock = new ManualClock();
  let signal: AbortSignal | undefined;
  const call = await serve({
    clock,
    checks: [
      { name: "hangs", timeoutMs: 500, check: (given) => new Promise(() => (signal = given)) },
      {
        name: "throws",
        check: () => {
          throw new Error("at once");
        },
      },
    ],
  });
  const answer = call("/readyz");
  while (clock.sleeping === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(500);
  expect(await answer).toMatchObject({ status: 503, body: '{"status":"not-ready","failing":["hangs","throws"]}' });
  expect(signal?.aborted).toBe(true);
  expect(clock.sleeping).toBe(0);
});

test("concurrent probes share one round of checks", async () => {
  let [asked, arrived] = [0, 0];
  const gate = Promise.withResolvers<undefined>();
  const call = await serve({
    isStopping: () => ((arrived += 1), false),
    checks: [
      {
        name: "x",
        check: () => {
          asked += 1;
          return gate.promise;
        },
      },
    ],
  });
  const answers = [call("/readyz"), call("/readyz"), call("/readyz")];
  await expect.poll(() => arrived).toBe(3);
  gate.resolve(undefined);
  expect((await Promise.all(answers)).map((answer) => answer.status)).toEqual([200, 200, 200]);
  expect(asked).toBe(1);
});

test("metrics: the registry in its own format, the same at every scrape", async () => {
  for (const format of ["prometheus", "openmetrics"] as const) {
    const registry = createRegistry(format);
    createMetrics(registry).leasesLost.inc(3);
    const call = await serve({ registry });
    await call("/metrics");
    const answer = await call("/metrics");
    expect(answer.body).toContain("\nfluxo_leases_lost_total 3\n");
    expect(answer.type).toContain(format === "prometheus" ? "text/plain; version=0.0.4" : "application/openmetrics-text; version=1.0.0");
    expect(answer.body.endsWith("# EOF\n")).toBe(format === "openmetrics");
  }
});
