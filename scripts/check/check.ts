import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { findSeeded, type Demo } from "../demo/seed.ts";
import { createAdminApi } from "../environment/admin-api.ts";
import type { Development } from "../environment/development.ts";
import { messageOf, Problem } from "../environment/problem.ts";
import { signWebhook } from "../environment/standard-webhook.ts";
import { formatTimeline, readNodeStatuses, type Timeline } from "./timeline.ts";

interface Execution {
  readonly id: string;
  readonly status: string;
  readonly reason?: string | null;
}

interface Answer {
  readonly status: number;
  readonly body: { readonly executionId?: string; readonly code?: string };
}

interface Context {
  readonly development: Development;
  readonly demo: Demo;
  readonly print: (text: string) => void;
}

interface Settled {
  readonly execution: Execution;
  readonly timeline: Timeline;
  readonly nodes: ReadonlyMap<string, string>;
}

const SETTLE_TIMEOUT_MS = 60_000;
const TERMINAL: ReadonlySet<string> = new Set(["SUCCESS", "FAILED", "BLOCKED", "CANCELED"]);

/** Throws, with both values, when they differ. */
function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

async function postHook(context: Context, hookPath: string | undefined, body: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const response = await fetch(`${context.development.ingressUrl}${hookPath}`, { method: "POST", body, headers, signal: AbortSignal.timeout(15_000) });
  const text = await response.text();
  try {
    return { status: response.status, body: JSON.parse(text) as Answer["body"] };
  } catch {
    throw new Error(`the ingress answered ${response.status} without JSON: ${text.slice(0, 200)}`);
  }
}

function signedOrder(context: Context, total: number): { readonly hookPath: string | undefined; readonly body: string; readonly headers: Record<string, string>; readonly apiKey: string } {
  const { tenant, workflow } = findSeeded(context.demo, "orders");
  if (workflow.secret === undefined) throw new Error("the demo does not hold the secret of its signed webhook; npm run reset makes a new demo");
  const body = JSON.stringify({ orderId: `check-${total}`, total });
  const headers = signWebhook({ secret: workflow.secret, id: `msg_${randomUUID()}`, sentAt: new Date(), body });
  return { hookPath: workflow.hookPath, body, headers, apiKey: tenant.apiKey };
}

/** Waits until an execution is over and prints its timeline. */
async function settle(context: Context, apiKey: string, executionId: string | undefined): Promise<Settled> {
  if (executionId === undefined) throw new Error("the answer holds no executionId");
  const api = createAdminApi(context.development.apiUrl, apiKey);
  const deadline = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    const execution = await api.call<Execution>({ path: `/v1/executions/${executionId}` });
    if (TERMINAL.has(execution.status)) {
      const timeline = await api.call<Timeline>({ path: `/v1/executions/${executionId}/timeline` });
      context.print(`    execution ${executionId}: ${execution.status}`);
      for (const line of formatTimeline(timeline)) context.print(`    ${line}`);
      return { execution, timeline, nodes: readNodeStatuses(timeline) };
    }
    if (Date.now() > deadline) throw new Error(`execution ${executionId} is still ${execution.status} ${execution.reason ?? ""} after ${SETTLE_TIMEOUT_MS / 1000} s`);
    await sleep(100);
  }
}

async function countExecutions(context: Context, apiKey: string): Promise<string> {
  const list = await createAdminApi(context.development.apiUrl, apiKey).call<{ data: { id: string }[] }>({ path: "/v1/executions" });
  return list.data.map((execution) => execution.id).join(",");
}

async function checkSignedOrder(context: Context): Promise<void> {
  const order = signedOrder(context, 250);
  const first = await postHook(context, order.hookPath, order.body, order.headers);
  expectEqual("status of the first delivery", first.status, 202);
  const { execution, nodes } = await settle(context, order.apiKey, first.body.executionId);
  expectEqual("status of the execution", execution.status, "SUCCESS");
  expectEqual('status of node "approval", the branch for large orders', nodes.get("approval"), "SUCCESS");
  expectEqual('whether node "shipping", the other branch, ran', nodes.get("shipping") === "SUCCESS", false);
  const repeat = await postHook(context, order.hookPath, order.body, order.headers);
  expectEqual("status of the duplicate", repeat.status, 200);
  expectEqual("execution of the duplicate", repeat.body.executionId, first.body.executionId);
  context.print(`    the same delivery again: 200 with the same execution`);
}

async function checkOtherBranch(context: Context): Promise<void> {
  const order = signedOrder(context, 40);
  const answer = await postHook(context, order.hookPath, order.body, order.headers);
  expectEqual("status of the delivery", answer.status, 202);
  const { execution, nodes } = await settle(context, order.apiKey, answer.body.executionId);
  expectEqual("status of the execution", execution.status, "SUCCESS");
  expectEqual('status of node "shipping", the branch for small orders', nodes.get("shipping"), "SUCCESS");
  expectEqual('whether node "approval", the other branch, ran', nodes.get("approval") === "SUCCESS", false);
}

async function checkBadRequests(context: Context): Promise<void> {
  const order = signedOrder(context, 999);
  const before = await countExecutions(context, order.apiKey);
  const forged = await postHook(context, order.hookPath, order.body.replace("999", "1"), order.headers);
  expectEqual("status of a body that was changed after signing", forged.status, 401);
  expectEqual("code of that answer", forged.body.code, "HOOK_SIGNATURE_INVALID");
  const unsigned = await postHook(context, order.hookPath, order.body, { "content-type": "application/json" });
  expectEqual("status of an unsigned body", unsigned.status, 401);
  const unknown = await postHook(context, "/hooks/no-such-token", order.body, order.headers);
  expectEqual("status for an unknown token", unknown.status, 404);
  expectEqual("code of that answer", unknown.body.code, "HOOK_NOT_FOUND");
  expectEqual("executions after three refused requests", await countExecutions(context, order.apiKey), before);
  context.print(`    forged: 401 ${forged.body.code} · unsigned: 401 ${unsigned.body.code} · unknown token: 404 ${unknown.body.code} · no execution`);
}

async function startByHand(context: Context, key: "onboarding" | "returns"): Promise<{ readonly apiKey: string; readonly executionId: string }> {
  const { tenant, workflow } = findSeeded(context.demo, key);
  const api = createAdminApi(context.development.apiUrl, tenant.apiKey);
  const request = { method: "POST", path: `/v1/workflows/${workflow.id}/executions`, body: { input: {} }, headers: { "idempotency-key": randomUUID() } } as const;
  const first = await api.ask<{ executionId: string }>(request);
  expectEqual("status of the manual start", first.status, 202);
  const repeat = await api.call<{ executionId: string }>(request);
  expectEqual("execution of the same start again", repeat.executionId, first.body.executionId);
  return { apiKey: tenant.apiKey, executionId: first.body.executionId };
}

async function checkManualStart(context: Context): Promise<void> {
  const { apiKey, executionId } = await startByHand(context, "onboarding");
  const { execution, nodes } = await settle(context, apiKey, executionId);
  expectEqual("status of the execution", execution.status, "SUCCESS");
  for (const node of ["greeting", "account", "pause", "join", "summary"]) expectEqual(`status of node "${node}"`, nodes.get(node), "SUCCESS");
}

async function checkFailure(context: Context): Promise<void> {
  const { apiKey, executionId } = await startByHand(context, "returns");
  const { execution, timeline } = await settle(context, apiKey, executionId);
  expectEqual("status of the execution", execution.status, "FAILED");
  const failure = timeline.failures.find((candidate) => candidate.nodeId === "tooLate");
  expectEqual('code of the recorded failure of node "tooLate"', failure?.code, "STOPPED_BY_WORKFLOW");
  context.print(`    why: node ${failure?.nodeId}: ${failure?.code}: ${failure?.message}`);
}

async function checkPlainCurl(context: Context): Promise<void> {
  const { tenant, workflow } = findSeeded(context.demo, "contact");
  const answer = await postHook(context, workflow.hookPath, JSON.stringify({ email: "ana@example.com" }), { "content-type": "application/json" });
  expectEqual("status of the delivery", answer.status, 202);
  const { execution } = await settle(context, tenant.apiKey, answer.body.executionId);
  expectEqual("status of the execution", execution.status, "SUCCESS");
  const stranger = createAdminApi(context.development.apiUrl, findSeeded(context.demo, "orders").tenant.apiKey);
  const foreign = await stranger.ask<unknown>({ path: `/v1/executions/${answer.body.executionId}` });
  expectEqual("status when another tenant asks for it", foreign.status, 404);
  context.print("    another tenant's key asks for it: 404");
}

const CHECKS = [
  ["A signed order above 100 takes the branch for approval, and its duplicate starts nothing", checkSignedOrder],
  ["A signed order below 100 takes the other branch", checkOtherBranch],
  ["Bad requests are refused with a code and start nothing", checkBadRequests],
  ["A manual start runs parallel branches and a delay; the same key starts it once", checkManualStart],
  ["A failing execution is explained", checkFailure],
  ["An unsigned webhook of another tenant runs, and stays that tenant's", checkPlainCurl],
] as const;

/** Sends real requests through the running system and judges every outcome. Throws a Problem when one was wrong. */
export async function runCheck(context: Context): Promise<void> {
  const wrong: string[] = [];
  context.print("\nCheck");
  for (const [name, check] of CHECKS) {
    context.print(`\n  ${name}`);
    try {
      await check(context);
      context.print("  ✔ as expected");
    } catch (error) {
      wrong.push(`${name}: ${messageOf(error)}`);
      context.print(`  ✖ ${messageOf(error)}`);
    }
  }
  context.print(`\n${CHECKS.length - wrong.length} of ${CHECKS.length} outcomes were right.`);
  if (wrong.length > 0) throw new Problem({ what: `The check found ${wrong.length} wrong outcome(s).`, why: wrong.join("\n"), todo: "read the logs in .fluxo/logs." });
}
