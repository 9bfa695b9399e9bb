import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@fluxo/test/support/client";
import { graph, MANUAL } from "@fluxo/test/support/graphs";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

/** A text that nothing else holds. */
function canary(): string {
  return `canary${randomBytes(12).toString("hex")}`;
}

/** Where a text is, in the forms that it could take: tables, log files, addresses of metrics. */
async function placesOf(text: string): Promise<string[]> {
  const places: string[] = [];
  const tables = await client.sql<{ name: string }>("SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1");
  const forms = [text, Buffer.from(text).toString("hex"), Buffer.from(text).toString("base64").replace(/.{0,3}=*$/, "")];
  for (const { name } of tables) {
    const [found] = await client.sql<{ n: number }>(`SELECT count(*)::int AS n FROM "${name}" t WHERE EXISTS (SELECT FROM unnest($1::text[]) form WHERE strpos(t::text, form) > 0)`, [forms]);
    if ((found?.n ?? 0) > 0) places.push(name);
  }
  for (const name of readdirSync(system.logDir)) {
    const log = readFileSync(join(system.logDir, name), "utf8");
    if (forms.some((form) => log.includes(form))) places.push(name);
  }
  for (const url of [system.apiUrl, system.ingressUrl, system.relayUrl, system.workerUrl]) {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (forms.some((form) => metrics.includes(form))) places.push(url);
  }
  return places;
}

test("a secret reaches the provider and is nowhere else: not in a table, a log, a metric or an answer, whatever the provider says back", async () => {
  const tenant = await client.createTenant();
  const [token, password, marker] = [canary(), canary(), canary()];
  const host = new URL(system.sinkUrl).host;
  const bearer = await tenant.api.call("createCredential", { body: { name: "Bearer", kind: "bearer", fields: { hosts: [host], token } } });
  const basic = await tenant.api.call("createCredential", { body: { name: "Basic", kind: "basic", fields: { hosts: [host], username: "shop", password } } });
  const call = (id: string, path: string, credential: string) => ({
    id,
    type: "http.request",
    onError: "continue" as const,
    retry: { maxAttempts: 2, initialDelayMs: 10 },
    params: { method: "POST", url: `${system.sinkUrl}/${path}/${tenant.id}`, credential, headers: { "X-Note": marker } },
  });
  const nodes = [call("mirrored", "mirror/200", bearer.body.id), call("rejected", "mirror/400", basic.body.id), call("basic", "mirror/200", basic.body.id)];
  const executionId = await tenant.run(graph([MANUAL, ...nodes], nodes.map(({ id }) => `start > ${id}`)));
  const execution = await tenant.waitForStatus(executionId, "SUCCESS");
  const answers = JSON.stringify([execution, await tenant.timeline(executionId), (await tenant.api.call("listCredentials")).body]);
  expect(answers).toContain("[redacted]");
  for (const secret of [token, password, Buffer.from(`shop:${password}`).toString("base64")]) {
    expect(answers).not.toContain(secret);
    expect(await placesOf(secret)).toEqual([]);
  }
  // It was sent, and the same search finds what is no secret.
  const sent = await client.received(`/mirror/200/${tenant.id}`);
  expect(sent.map(({ headers }) => headers["authorization"])).toContain(`Bearer ${token}`);
  expect(await placesOf(marker)).toContain("node_executions");
});

test("another host gets no secret, and a deleted credential opens nothing", async () => {
  const tenant = await client.createTenant();
  const token = canary();
  const { body: credential } = await tenant.api.call("createCredential", { body: { name: "Bound", kind: "bearer", fields: { hosts: ["api.example.com"], token } } });
  const call = { id: "call", type: "http.request", params: { method: "GET", url: `${system.sinkUrl}/echo/${tenant.id}`, credential: credential.id } };
  const published = await tenant.publish(graph([MANUAL, call], ["start > call"]));
  const refused = await tenant.waitForStatus(await tenant.start(published.workflowId), "FAILED");
  expect(refused.error?.code).toBe("CREDENTIAL_HOST_REFUSED");
  expect(await client.received(`/echo/${tenant.id}`)).toEqual([]);
  const used = await tenant.api.ask("deleteCredential", { params: { credentialId: credential.id } });
  expect(used.status).toBe(409);
  await tenant.api.call("deleteCredential", { params: { credentialId: credential.id }, query: { force: "true" } });
  const gone = await tenant.waitForStatus(await tenant.start(published.workflowId), "FAILED");
  expect(gone.error?.code).toBe("CREDENTIAL_NOT_FOUND");
});
