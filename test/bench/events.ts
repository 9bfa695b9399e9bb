import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { serviceUrl } from "../../scripts/environment/services.ts";
import { BARE_EVENT, nowMs, type BareEventData, type Finish } from "./baselines/settings.ts";
import type { Bench, BenchHook } from "./environment.ts";
import type { Target } from "./load/job.ts";

/** From before the request was sent to the end of the work. Both clocks are this machine's. */
export interface Sample {
  readonly sentAtMs: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

const DEADLINE_MS = 120_000;
const LOOK_EVERY_MS = 100;

/** Waits until `look` gives something. How often it looks decides when we go on, never what was measured. @throws Error after two minutes */
async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`Gave up after ${DEADLINE_MS / 1_000} s: ${what}.`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** Sends one request to a hook. @returns the answer's body and when the request was sent */
export async function sendOne({ port, path, headers, body }: Target): Promise<{ readonly sentAtMs: number; readonly answeredAtMs: number; readonly executionId: string; readonly status: number }> {
  const sentAtMs = nowMs();
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body });
  const answer = (await response.json()) as { executionId?: string };
  if (!response.ok) throw new Error(`${path} answered ${response.status} ${JSON.stringify(answer)}`);
  return { sentAtMs, answeredAtMs: nowMs(), executionId: answer.executionId ?? response.headers.get("fluxo-execution-id") ?? "", status: response.status };
}

/** The recorded instants of executions, by id, once all of them are SUCCESS. @throws Error when one ends otherwise */
export async function finishedExecutions(bench: Bench, tenantIds: readonly string[], executionIds: readonly string[]): Promise<ReadonlyMap<string, { readonly startedAtMs: number; readonly finishedAtMs: number }>> {
  return until(`${executionIds.length} executions`, async () => {
    const rows = await bench.client.sql<{ id: string; status: string; started_at: Date | null; completed_at: Date | null }>(
      "SELECT id, status, started_at, completed_at FROM executions WHERE tenant_id = ANY ($1) AND id = ANY ($2)",
      [tenantIds, executionIds],
    );
    const wrong = rows.find(({ status }) => ["FAILED", "BLOCKED", "CANCELED"].includes(status));
    if (wrong !== undefined) throw new Error(`Execution ${wrong.id} ended with ${wrong.status}.`);
    const done = rows.flatMap(({ id, started_at, completed_at }) =>
      started_at === null || completed_at === null ? [] : [[id, { startedAtMs: started_at.getTime(), finishedAtMs: completed_at.getTime() }] as const],
    );
    return done.length === executionIds.length ? new Map(done) : undefined;
  });
}

/** Sends one event to a hook and waits for its execution. */
export async function runOne(bench: Bench, hook: BenchHook): Promise<Sample & { readonly executionId: string }> {
  const { sentAtMs, executionId } = await sendOne(hook.target);
  const finished = (await finishedExecutions(bench, [hook.tenantId], [executionId])).get(executionId);
  if (finished === undefined) throw new Error(`Execution ${executionId} is not there.`);
  return { sentAtMs, executionId, ...finished };
}

/** The database's clock, in milliseconds since 1970: what is queued from now on is younger. */
export async function databaseNow(bench: Bench): Promise<Date> {
  const [row] = await bench.client.sql<{ now: Date }>("SELECT date_trunc('milliseconds', clock_timestamp()) AS now");
  if (row === undefined) throw new Error("The database has no clock.");
  return row.now;
}

/** Waits until `count` executions of these tenants, queued since `since`, are SUCCESS. @returns when the last one ended. @throws Error when one ends otherwise */
export async function lastFinished(bench: Bench, tenantIds: readonly string[], since: Date, count: number): Promise<number> {
  return until(`${count} executions`, async () => {
    const [row] = await bench.client.sql<{ done: number; wrong: number; last: Date | null }>(
      `SELECT count(*) FILTER (WHERE status = 'SUCCESS')::int AS done, count(*) FILTER (WHERE status IN ('FAILED', 'BLOCKED', 'CANCELED'))::int AS wrong, max(completed_at) AS last
       FROM executions WHERE tenant_id = ANY ($1) AND queued_at >= $2`,
      [tenantIds, since],
    );
    if (row !== undefined && row.wrong > 0) throw new Error(`${row.wrong} executions did not end with SUCCESS.`);
    return row?.done === count && row.last !== null ? row.last.getTime() : undefined;
  });
}

/** The request that starts the bare Inngest function, at Inngest's own event API. */
export function bareTarget(bench: Bench, steps: number): Target {
  const { url, eventKey } = bench.system.inngest;
  const data: BareEventData = { key: randomUUID(), steps };
  return { port: Number(new URL(url).port), path: `/e/${eventKey}`, headers: { "content-type": "application/json" }, body: JSON.stringify({ name: BARE_EVENT, data }) };
}

/** What the bare function has finished, once it is `count`; each is told once. */
export async function finishedBare(bench: Bench, count: number): Promise<readonly Finish[]> {
  const url = serviceUrl(bench.ports.bareFunction);
  await until(`${count} runs of the bare function`, async () => (Number(await (await fetch(`${url}/count`)).text()) >= count ? true : undefined));
  return (await (await fetch(`${url}/finished`)).json()) as Finish[];
}

/** Sends one event to the bare function and waits for its end. */
export async function runOneBare(bench: Bench, steps: number): Promise<Sample> {
  const { sentAtMs } = await sendOne(bareTarget(bench, steps));
  const [finish] = await finishedBare(bench, 1);
  if (finish === undefined) throw new Error("The bare function did not finish.");
  return { sentAtMs, startedAtMs: finish.startedAtMs, finishedAtMs: finish.finishedAtMs };
}
