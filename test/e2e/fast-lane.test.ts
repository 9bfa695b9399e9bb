import { chain, set, SIGNED_WEBHOOK } from "@fluxo/test/support/graphs";
import { createClient, type Client } from "@fluxo/test/support/client";
import { deliver } from "@fluxo/test/support/hooks";
import { afterAll, expect, inject, test } from "vitest";

const system = inject("system");
const client = createClient({ ...system });
afterAll(() => client.close());

/** Five nodes, the trigger among them. */
const chainOfFive = chain(SIGNED_WEBHOOK, set("a", { n: "{{ trigger.body.n }}" }), set("b"), set("c"), set("d", { n: "{{ a.n }}" }));

interface Instants {
  readonly start: number;
  readonly end: number;
}

/** Milliseconds from queued to started and to completed, by the records, of executions one after the other. */
async function latencies(on: Client, count: number): Promise<{ readonly start: number; readonly end: number }> {
  const tenant = await on.createTenant();
  const workflow = await tenant.publish(chainOfFive);
  const measured: Instants[] = [];
  for (let n = 0; n < count + 3; n += 1) {
    const { executionId } = await deliver(workflow, { body: { n } });
    const { queuedAt, startedAt, completedAt } = await tenant.waitForStatus(executionId, "SUCCESS");
    const queued = Date.parse(queuedAt);
    if (n >= 3) measured.push({ start: Date.parse(startedAt ?? "") - queued, end: Date.parse(completedAt ?? "") - queued });
  }
  return { start: median(measured.map(({ start }) => start)), end: median(measured.map(({ end }) => end)) };
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
}

test("idle", async () => {
  const got = await latencies(client, 20);
  console.log(got);
  expect(got.end).toBeLessThan(100);
});
