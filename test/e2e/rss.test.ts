import { randomUUID } from "node:crypto";
import { createClient } from "@fluxo/test/support/client";
import { eventually } from "@fluxo/test/support/eventually";
import { chain, set } from "@fluxo/test/support/graphs";
import { afterAll, expect, inject, test } from "vitest";

const client = createClient({ ...inject("system") });
afterAll(() => client.close());

const item = (guid: string): string => `<item><guid isPermaLink="false">${guid}</guid><title>Title of ${guid}</title><link>https://news.example/${guid}</link></item>`;

/** Puts a feed of these items at an address of the sink. */
async function serve(url: string, ...ids: readonly string[]): Promise<void> {
  await fetch(url, { method: "PUT", body: `<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>${ids.map(item).join("")}</channel></rss>` });
}

test("a published workflow starts for what its feed gains, and for nothing that was there, each once over a republish", { timeout: 180_000 }, async () => {
  const begunMs = performance.now();
  const tenant = await client.createTenant("AGENCY");
  const path = `/document/${randomUUID()}`;
  const url = `${client.sinkUrl}${path}`;
  await serve(url, "old");
  const trigger = { id: "start", type: "trigger.rss", params: { url, intervalSeconds: 10 } };
  const { workflowId } = await tenant.publish(chain(trigger, set("end", { title: "{{ trigger.title }}", feed: "{{ trigger.feed.title }}" })));
  await eventually(async () => {
    expect(await client.sql("SELECT cursor IS NOT NULL AS is_watched, failures FROM trigger_states WHERE tenant_id = $1", [tenant.id])).toEqual([{ is_watched: true, failures: 0 }]);
  });
  await serve(url, "second", "first", "old");
  // Makes it due again and keeps what is known.
  await tenant.api.call("publishWorkflow", { params: { workflowId } });
  const executions = await eventually(async () => {
    const found = await tenant.executions();
    expect(found).toHaveLength(2);
    return found;
  }, 120_000);
  const ended = await Promise.all(executions.map(({ id }) => tenant.waitForStatus(id, "SUCCESS")));
  expect(ended.map(({ output }) => output)).toEqual(
    expect.arrayContaining(["first", "second"].map((guid) => ({ results: { end: { title: `Title of ${guid}`, feed: "News" } }, failures: [] }))),
  );
  const requests = (await client.received(path)).filter(({ method }) => method === "GET");
  // One for each publish, and one for each interval.
  expect(requests.length).toBeLessThanOrEqual(2 + Math.ceil((performance.now() - begunMs) / 10_000));
});
