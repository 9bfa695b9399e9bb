import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient, type Graph } from "../support/client.ts";
import { chain, set } from "../support/graphs.ts";
import { startSystem } from "../support/system.ts";
import type { LoadHook } from "./scenarios/plan.ts";

/** A Fluxo of its own with several tenants, and a hook of each. */
export interface LoadSystem extends AsyncDisposable {
  readonly client: Client;
  readonly ingressUrl: string;
  /** The first is the noisy tenant's. Signed and open ones take turns. */
  readonly hooks: readonly LoadHook[];
}

/** Room for 64 small requests: little, so that a load generator on the same machine can go beyond it. */
const REQUEST_MEMORY_MIB = "4";
const DELIVERY_ID_HEADER = "x-delivery-id";
/** Plans whose quota a load test does not use up. */
const PLANS = ["PRO", "AGENCY", "PRO", "PRO", "AGENCY", "PRO"] as const;

/** Starts everything and publishes the workflows. */
export async function startLoadSystem(): Promise<LoadSystem> {
  const dir = mkdtempSync(join(tmpdir(), "fluxo-load-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(dir, { recursive: true, force: true }));
  const system = await startSystem({ dir, allowedPrivateHosts: [], extraEnv: { INGRESS_BODY_MEMORY_MIB: REQUEST_MEMORY_MIB } });
  stack.defer(() => system.stop());
  const client = createClient({ ...system, sinkUrl: "" });
  stack.defer(() => client.close());
  const hooks: LoadHook[] = [];
  for (const [index, plan] of PLANS.entries()) {
    const tenant = await client.createTenant(plan);
    const isSigned = index % 2 === 0;
    const { hookUrl, secret } = await tenant.publish(graphOf(isSigned));
    hooks.push({ url: hookUrl, secret: isSigned ? secret : "", deliveryIdHeader: isSigned ? "webhook-id" : DELIVERY_ID_HEADER });
  }
  const owned = stack.move();
  return { client, ingressUrl: system.ingressUrl, hooks, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

function graphOf(isSigned: boolean): Graph {
  const params = isSigned ? { authentication: { mode: "standard" } } : { authentication: { mode: "none" }, deliveryIdHeader: DELIVERY_ID_HEADER };
  return chain({ id: "start", type: "trigger.webhook", params }, set("read", { email: "{{ trigger.body.email }}" }), set("keep", { from: "{{ trigger.body.deliveryId }}" }));
}
