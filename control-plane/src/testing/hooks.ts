import { randomBytes } from "node:crypto";
import { addWorkflow, type SeededWorkflow } from "@fluxo/prisma/testing/seed";
import type pg from "pg";

/** A workflow that a webhook starts. */
export interface SeededHook extends SeededWorkflow {
  readonly token: string;
}

export interface HookOptions {
  readonly config?: unknown;
  readonly isActive?: boolean;
  /** Seals the hook's secret, once its ids are known. */
  readonly seal?: (tenantId: string, triggerId: string) => Uint8Array;
}

/** A published workflow with one webhook trigger, open to everybody unless `config` says otherwise. */
export async function addHook(owner: pg.Pool, tenantId: string, { config = { authentication: { mode: "none" } }, isActive = true, seal }: HookOptions = {}): Promise<SeededHook> {
  const workflow = await addWorkflow(owner, tenantId, { nodes: [{ id: "start", type: "trigger.webhook" }], edges: [] });
  const { triggerId, workflowId } = workflow;
  const token = randomBytes(24).toString("base64url");
  await owner.query("UPDATE triggers SET kind = 'webhook', config = $3, hook_token = $4, sealed_secret = $5 WHERE tenant_id = $1 AND id = $2", [tenantId, triggerId, JSON.stringify(config), token, seal?.(tenantId, triggerId) ?? null]);
  if (!isActive) await owner.query("UPDATE workflows SET is_active = false WHERE tenant_id = $1 AND id = $2", [tenantId, workflowId]);
  return { ...workflow, token };
}
