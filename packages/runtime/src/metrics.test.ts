import { expect, test } from "vitest";
import { collectProcessMetrics, createMetrics, createRegistry, METRICS, type MetricDefinition, NO_ERROR_CLASS } from "./metrics.ts";

const definitions: readonly MetricDefinition[] = Object.values(METRICS);

test.each(definitions)("$name follows the naming rules", (definition) => {
  expect(definition.name).toMatch(/^fluxo(_[a-z]+)+$/);
  expect(definition.name.endsWith("_total")).toBe(definition.kind === "counter");
  if (/(?:^|_)(?:duration|age|lag)(?:_|$)/.test(definition.name)) expect(definition.name).toMatch(/_seconds$/);
  expect(definition.name).not.toMatch(/_(ms|milliseconds|minutes|kilobytes|count|sum|bucket)$/);
  expect(definition.help).toMatch(/^[A-Z].{10,}\.$/);
  for (const label of definition.labels) {
    expect(label).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(label).not.toMatch(/tenant|workflow|execution|agency|(^|_)id$|url|message|path|le$|quantile/);
  }
});

test("names and helps are unique, buckets rise", () => {
  expect(new Set(definitions.map((definition) => definition.name)).size).toBe(definitions.length);
  expect(new Set(definitions.map((definition) => definition.help)).size).toBe(definitions.length);
  for (const definition of definitions) {
    if (definition.kind === "histogram") expect([...definition.buckets].toSorted((a, b) => a - b)).toEqual(definition.buckets);
  }
});

test("creates every metric of the catalog on the registry, typed by its labels", async () => {
  const registry = createRegistry();
  const metrics = createMetrics(registry);
  metrics.httpRequests.inc({ method: "GET", route: "/hooks/:token", status: 202 });
  metrics.nodeAttempts.inc({ node_type: "http.request", error_class: NO_ERROR_CLASS });
  metrics.nodeAttemptDuration.observe({ node_type: "http.request" }, 0.2);
  metrics.outboxAge.set(1.5);
  // @ts-expect-error a label that the catalog does not have
  expect(() => metrics.executionsSettled.inc({ tenant: "t1" })).toThrow();
  const text = await registry.metrics();
  for (const { name } of definitions) expect(text).toContain(`# HELP ${name} `);
  expect(text).toContain('fluxo_http_requests_total{method="GET",route="/hooks/:token",status="202"} 1');
  expect(text).toContain("fluxo_ingress_accepted_total 0");
  expect(text).toContain("fluxo_outbox_age_seconds 1.5");
});

test("two registries of one process do not share values", async () => {
  const [first, second] = [createRegistry(), createRegistry()];
  createMetrics(first).relaySent.inc(5);
  createMetrics(second);
  expect(await second.metrics()).toContain("fluxo_relay_sent_total 0");
});

test("adds the metrics of the process with the prefix", async () => {
  const registry = createRegistry();
  collectProcessMetrics(registry);
  const text = await registry.metrics();
  expect(text).toContain("fluxo_nodejs_eventloop_lag_seconds");
  expect([...text.matchAll(/^# HELP (\S+)/gm)].every(([, name]) => name?.startsWith("fluxo_"))).toBe(true);
});
