import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chain, graph, MANUAL, set } from "@fluxo/test/support/graphs";
import { createClient } from "@fluxo/test/support/client";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

const apiPort = new URL(system.apiUrl).port;
const redirectTo = (url: string): string => `${system.sinkUrl}/redirect/${encodeURIComponent(url)}`;

const ADDRESSES = {
  metadata: "http://169.254.169.254/latest/meta-data/",
  api: `http://127.0.0.1:${apiPort}/healthz`,
  defaultPort: "http://127.0.0.1/",
  ipv6: `http://[::1]:${apiPort}/healthz`,
  ipv6Default: "http://[::1]/",
  mapped: `http://[::ffff:127.0.0.1]/`,
  decimal: "http://2130706433/",
  hexadecimal: "http://0x7f.1/",
  zero: "http://0.0.0.0/",
  name: "http://localhost/",
  privateNet: "http://10.0.0.1/",
  redirect: redirectTo(`http://127.0.0.1:${apiPort}/healthz`),
  redirectMetadata: redirectTo("http://169.254.169.254/"),
  redirectIpv6: redirectTo("http://[::1]/"),
} as const;

test("addresses that are not public are refused, also after a redirect and in every way of writing them, and are not tried again", async () => {
  const tenant = await client.createTenant();
  const names = Object.keys(ADDRESSES) as (keyof typeof ADDRESSES)[];
  const executionId = await tenant.run(
    graph(
      [MANUAL, ...names.map((id) => ({ id, type: "http.request", params: { url: ADDRESSES[id] }, onError: "continue" as const }))],
      names.map((id) => `start > ${id}`),
    ),
  );
  await tenant.waitForStatus(executionId, "SUCCESS");
  const { journal, failures } = await tenant.timeline(executionId);
  const codes = Object.fromEntries(journal.filter(({ type }) => type === "http.request").map(({ nodeId, failure }) => [nodeId, failure?.code]));
  expect(codes).toEqual(Object.fromEntries(names.map((name) => [name, "ADDRESS_REFUSED"])));
  expect(failures.map(({ errorClass, attempt }) => [errorClass, attempt])).toEqual(names.map(() => ["REFUSED", 1]));
  // The redirects were met, not refused before.
  expect((await client.received("/redirect/")).length).toBeGreaterThanOrEqual(3);
  // Whether something listens there is not told.
  expect(JSON.stringify(failures)).not.toMatch(/alive|ECONNREFUSED/);
});

test("a template cannot smuggle an address in, and the service at the address hears nothing", async () => {
  let calls = 0;
  const server = createServer((_, response) => {
    calls += 1;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const tenant = await client.createTenant();
    const executionId = await tenant.run(chain(MANUAL, { id: "call", type: "http.request", params: { url: "http://{{ trigger.host }}/x" } }, set("after")), { host: `127.0.0.1:${port}` });
    const { error } = await tenant.waitForStatus(executionId, "FAILED");
    expect(error).toMatchObject({ code: "ADDRESS_REFUSED", nodeId: "call" });
    expect(calls).toBe(0);
  } finally {
    server.close();
  }
});

test("the private address that the operator allowed is called, and only that port of it", async () => {
  const tenant = await client.createTenant();
  const { output } = await tenant.waitForStatus(await tenant.run(chain(MANUAL, { id: "call", type: "http.request", params: { url: `${system.sinkUrl}/echo/${tenant.id}` } })), "SUCCESS");
  expect(output).toMatchObject({ results: { call: { status: 200 } } });
});
