import { createClient } from "@fluxo/test/support/client";
import { chain, MANUAL, post, set } from "@fluxo/test/support/graphs";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

/** Reads an event stream to its end, as an EventSource does. */
async function eventsOf(path: string): Promise<{ event: string; data: Record<string, unknown> }[]> {
  const response = await fetch(`${system.apiUrl}${path}`, { headers: { accept: "text/event-stream" } });
  expect(response.status).toBe(200);
  const blocks = (await response.text()).split("\n\n");
  return blocks.flatMap((block) => {
    const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
    const data = fields.get("data");
    return data === undefined ? [] : [{ event: fields.get("event") ?? "message", data: JSON.parse(data) as Record<string, unknown> }];
  });
}

test("an execution is watched from its start to its end by a token in the address", async () => {
  const tenant = await client.createTenant();
  const path = `/${tenant.id}`;
  const executionId = await tenant.run(chain(MANUAL, post("slow", `${system.sinkUrl}/echo${path}`), set("last", { status: "{{ slow.status }}" })));
  const made = await tenant.api.call("createEventToken", { params: { executionId } });
  const events = await eventsOf(made.body.path);
  expect(events[0]?.event).toBe("snapshot");
  expect(events.at(-1)).toEqual({ event: "end", data: { status: "SUCCESS" } });
  await tenant.waitForStatus(executionId, "SUCCESS");
});

test("one node of the draft is tested by the worker, with pinned data, and acts", async () => {
  const tenant = await client.createTenant();
  const path = `/${tenant.id}`;
  const { workflowId } = await tenant.publish(chain(MANUAL, set("order", { total: 7 }), post("charge", `${system.sinkUrl}/echo${path}-{{ order.total }}`)));
  const { body } = await tenant.api.call("testNode", { params: { workflowId, nodeId: "charge" }, body: { pinned: { order: { total: 9 } } } });
  expect(body).toMatchObject({ status: "SUCCESS", hasActed: true, output: { status: 200 } });
  expect(await client.received(`/echo${path}-9`)).toHaveLength(1);
  expect(await tenant.executions()).toEqual([]);
});
