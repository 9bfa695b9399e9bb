import { randomBytes, randomUUID } from "node:crypto";
import { createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";

/** Connections of one role to a test's database. */
export type TestPool = ReturnType<typeof createPool>;

/** Connections as whatever role the address names; the owner sets rows up, which no service may. */
export function openPool(connectionString: string, max = 5): TestPool {
  return createPool({ connectionString, applicationName: "fluxo-test", max, role: "fluxo_app" });
}

/** The operator's plans that the migration inserts. */
const PLANS = { FREE: 1, STARTER: 2, PRO: 3, AGENCY: 4 } as const;

export interface TenantRow {
  readonly agencyId: string;
  readonly tenantId: string;
}

export async function insertTenant(owner: TestPool, plan: keyof typeof PLANS = "PRO"): Promise<TenantRow> {
  const agencyId = uuidV7.next();
  const tenantId = uuidV7.next();
  await owner.query("INSERT INTO agencies (id, name) VALUES ($1, 'Agency')", [agencyId]);
  await owner.query("INSERT INTO tenants (id, agency_id, plan_id, name) VALUES ($1, $2, $3, 'Tenant')", [tenantId, agencyId, `00000000-0000-7000-8000-00000000000${PLANS[plan]}`]);
  return { agencyId, tenantId };
}

export interface HookRow {
  readonly tenantId: string;
  readonly workflowId: string;
  readonly versionId: string;
  readonly triggerId: string;
  readonly token: string;
}

export interface HookOptions {
  readonly config?: unknown;
  readonly isActive?: boolean;
  /** Seals the hook's secret, once its ids are known. */
  readonly seal?: (tenantId: string, triggerId: string) => Uint8Array;
}

/** A published workflow with one webhook trigger, open to everybody unless `config` says otherwise. */
export async function insertHook(owner: TestPool, tenantId: string, options: HookOptions = {}): Promise<HookRow> {
  const [workflowId, versionId, triggerId] = [uuidV7.next(), uuidV7.next(), uuidV7.next()];
  const token = randomBytes(24).toString("base64url");
  const config = options.config ?? { authentication: { mode: "none" } };
  await owner.query("INSERT INTO workflows (tenant_id, id, name, is_active, draft) VALUES ($1, $2, $3, $4, '{}')", [tenantId, workflowId, randomUUID(), options.isActive ?? true]);
  await owner.query(
    "INSERT INTO workflow_versions (tenant_id, id, workflow_id, number, graph, content_hash, node_count, node_types) VALUES ($1, $2, $3, 1, '{}', 'hash', 1, '{trigger.webhook}')",
    [tenantId, versionId, workflowId],
  );
  await owner.query("UPDATE workflows SET published_version_id = $3 WHERE tenant_id = $1 AND id = $2", [tenantId, workflowId, versionId]);
  await owner.query(
    "INSERT INTO triggers (tenant_id, id, workflow_id, node_id, kind, config, hook_token, sealed_secret) VALUES ($1, $2, $3, 'start', 'webhook', $4, $5, $6)",
    [tenantId, triggerId, workflowId, JSON.stringify(config), token, options.seal?.(tenantId, triggerId) ?? null],
  );
  return { tenantId, workflowId, versionId, triggerId, token };
}
