import type { Json } from "@fluxo/core/json";
import type { ScopedDb } from "../database/tenant-db.ts";

/** A graph that holds the id of a credential somewhere. */
export interface GraphWithId {
  readonly workflowId: string;
  readonly workflowName: string;
  /** `published`: the version that new executions take. */
  readonly state: "published" | "draft";
  readonly graph: Json;
}

/** Drafts and published versions of the tenant whose graph holds an id as text: what they use it for is the reader's matter. @param db of the tenant */
export async function findGraphsWithId(db: ScopedDb, tenantId: string, id: string): Promise<GraphWithId[]> {
  return db.$queryRaw<GraphWithId[]>`
    SELECT w.id AS "workflowId", w.name AS "workflowName", 'draft' AS state, w.draft AS graph
    FROM workflows w WHERE w.tenant_id = ${tenantId}::uuid AND strpos(w.draft::text, ${id}) > 0
    UNION ALL
    SELECT w.id, w.name, 'published', v.graph
    FROM workflow_version_credentials c
    JOIN workflows w ON w.tenant_id = c.tenant_id AND w.published_version_id = c.version_id
    JOIN workflow_versions v ON v.tenant_id = c.tenant_id AND v.id = c.version_id
    WHERE c.tenant_id = ${tenantId}::uuid AND c.credential_id = ${id}::uuid
    GROUP BY w.tenant_id, w.id, w.name, v.tenant_id, v.id
    ORDER BY 2, 1, 3`;
}

/**
 * The kinds of the named credentials, by id, with the rows locked against deletion until the transaction ends.
 * @param db of the tenant
 */
export async function lockCredentialKinds(db: ScopedDb, tenantId: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.$queryRaw<{ id: string; kind: string }[]>`
    SELECT id, kind FROM credentials WHERE tenant_id = ${tenantId}::uuid AND id = ANY (${[...ids]}::uuid[]) ORDER BY id FOR KEY SHARE`;
  return new Map(rows.map(({ id, kind }) => [id, kind]));
}

/** The kinds of the named credentials, by id. @param db of the tenant */
export async function findCredentialKinds(db: ScopedDb, tenantId: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await db.credential.findMany({ where: { tenantId, id: { in: [...ids] } }, select: { id: true, kind: true } });
  return new Map(rows.map(({ id, kind }) => [id, kind]));
}

/** Gives a version the right to open credentials, each at one node. Those that it has stay. @param db of the tenant */
export async function declareCredentials(
  db: ScopedDb,
  tenantId: string,
  versionId: string,
  uses: readonly { readonly nodeId: string; readonly param: string; readonly credentialId: string }[],
): Promise<void> {
  if (uses.length === 0) return;
  await db.workflowVersionCredential.createMany({ data: uses.map(({ nodeId, param, credentialId }) => ({ tenantId, versionId, nodeId, param, credentialId })), skipDuplicates: true });
}
