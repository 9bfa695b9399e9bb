import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES } from "@fluxo/contracts/http/routes";
import { createClient } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { deliver } from "@fluxo/test/support/hooks";
import { dereferenced, openApiSchema, referencesIn, resolveReference, type OpenApi } from "@fluxo/test/support/openapi";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

const SERVICES = { api: system.apiUrl, ingress: system.ingressUrl, relay: system.relayUrl, worker: system.workerUrl } as const;

/** Value of a sample of a service's metrics, without the time; 0 when it is not there. */
async function sample(service: keyof typeof SERVICES, name: string): Promise<number> {
  const text = await (await fetch(`${SERVICES[service]}/metrics`)).text();
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

test.for(Object.entries(SERVICES))("%s is alive, ready and measured", async ([, url]) => {
  const [alive, ready, metrics] = await Promise.all(["healthz", "readyz", "metrics"].map((path) => fetch(`${url}/${path}`)));
  expect([alive?.status, await alive?.json()]).toEqual([200, { status: "alive" }]);
  expect([ready?.status, await ready?.json()]).toEqual([200, { status: "ready", failing: [] }]);
  expect([metrics?.status, metrics?.headers.get("content-type")]).toEqual([200, expect.stringMatching(/^(?:text\/plain|application\/openmetrics-text);.*version=/)]);
  const lines = ((await metrics?.text()) ?? "").split("\n").filter((line) => line !== "");
  // Go's ParseFloat, which the exposition format names for values, and OpenMetrics take infinity and not-a-number in any case: prom-client writes `Nan` for the mean of no samples.
  const badLines = lines.filter((line) => !/^(?:# (?:HELP|TYPE|UNIT|EOF)|[a-zA-Z_:][\w:]*(?:\{.*\})? (?:[-+]?(?:\d[\d.e+-]*|[Ii]nf)|[Nn]a[Nn])(?: .*)?$)/.test(line));
  expect(badLines).toEqual([]);
  expect(lines.filter((line) => line.startsWith("# TYPE fluxo_")).length).toBeGreaterThan(5);
});

test("counters follow a delivery through the services", async () => {
  const names = [
    ["ingress", "fluxo_ingress_accepted_total"],
    ["ingress", "fluxo_ingress_duplicates_total"],
    ["ingress", 'fluxo_ingress_refused_total{code="HOOK_SIGNATURE_INVALID"}'],
    ["relay", "fluxo_relay_sent_total"],
    ["worker", "fluxo_executions_started_total"],
    ["worker", 'fluxo_executions_settled_total{status="SUCCESS"}'],
    ["worker", 'fluxo_node_attempts_total{node_type="set",error_class="none"}'],
  ] as const;
  const read = () => Promise.all(names.map(([service, name]) => sample(service, name)));
  const before = await read();
  const tenant = await client.createTenant();
  const workflow = await tenant.publish(chain(SIGNED_WEBHOOK, set("a")));
  const { executionId } = await deliver(workflow, { id: "msg_1" });
  await deliver(workflow, { id: "msg_1" });
  await deliver({ ...workflow, secret: "whsec_d3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmc=" });
  await tenant.waitForStatus(executionId, "SUCCESS");
  await eventually(async () => {
    const after = await read();
    for (const [index, [, name]] of names.entries()) expect(after[index], name).toBeGreaterThanOrEqual((before[index] ?? 0) + 1);
  });
});

async function readDocument(): Promise<OpenApi> {
  const response = await fetch(`${system.apiUrl}/openapi.json`);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, expect.stringMatching(/^application\/json/)]);
  return openApiSchema.parse(await response.json());
}

test("/openapi.json is an OpenAPI 3.1 document, needs no key, and all its references lead somewhere", async () => {
  const document = await readDocument();
  const references = referencesIn(document);
  expect(references.length).toBeGreaterThan(20);
  expect(references.filter((reference) => resolveReference(document, reference) === undefined)).toEqual([]);
  const schemes = Object.keys(document.components?.securitySchemes ?? {});
  expect(schemes.length).toBeGreaterThan(0);
  expect(document.components?.schemas).toHaveProperty("Problem");
});

test("/openapi.json lists every operation with its parameters, its answers and its problems", async () => {
  const document = await readDocument();
  const operationIds: string[] = [];
  for (const [path, item] of Object.entries(dereferenced(document, document.paths))) {
    for (const [method, operation] of Object.entries(item).filter(([key]) => key !== "parameters")) {
      const { operationId, parameters = [], responses, security } = operation as NonNullable<(typeof item)["get"]>;
      operationIds.push(operationId);
      const route: RouteDefinition | undefined = Object.values(ROUTES).find((candidate: RouteDefinition) => candidate.operationId === operationId);
      expect([route?.method, route?.path]).toEqual([method, path]);
      const inPath = parameters.flatMap((parameter) => ("in" in parameter && parameter.in === "path" && parameter.required === true ? [parameter.name] : []));
      expect(inPath.toSorted()).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => String(name)).toSorted());
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(Object.keys(route?.responses ?? {})));
      if (route?.scope === "public") expect(security ?? []).toEqual([]);
      else expect(Object.keys(responses)).toContain("401");
    }
  }
  expect(operationIds.toSorted()).toEqual(Object.keys(ROUTES).toSorted());
});

test("the catalog tells every node type with the JSON Schemas of its parameters and output", async () => {
  const tenant = await client.createTenant("FREE");
  const { data } = (await tenant.api.call("listNodeTypes", { query: { limit: "100" } })).body;
  const types = data.map(({ type }) => type);
  expect(types).toEqual(expect.arrayContaining(["trigger.webhook", "trigger.manual", "set", "if", "switch", "merge", "http.request", "delay", "stop"]));
  const { body } = await tenant.api.call("getNodeType", { params: { type: "http.request" } });
  expect(JSON.stringify(body)).toContain('"onUncertain"');
  expect(await tenant.api.refusal("getNodeType", { params: { type: "no.such" } })).toMatchObject({ status: 404, code: "NOT_FOUND" });
});

test("unknown paths and methods are problems on the API and the ingress", async () => {
  for (const url of [system.apiUrl, system.ingressUrl]) {
    const response = await fetch(`${url}/no/such/path`);
    expect([response.status, response.headers.get("content-type")]).toEqual([404, expect.stringMatching(/^application\/problem\+json/)]);
    expect(await response.json()).toMatchObject({ code: "NOT_FOUND" });
  }
  const response = await fetch(`${system.apiUrl}/v1/plans`, { method: "DELETE" });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, POST, HEAD"]);
});
