import { createHash } from "node:crypto";
import { canonicalJson } from "@fluxo/core/canonical-json";
import type { Graph, GraphNode } from "@fluxo/core/graph/graph";
import type { Json } from "@fluxo/core/json";
import { findDefinition } from "@fluxo/nodes/catalog";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { watchSource } from "@fluxo/prisma/dispatch/arm";
import { createTrigger, disableOtherTriggers, findTriggersByNode, updateTrigger, type TriggerChange, type TriggerRecord } from "@fluxo/prisma/repositories/triggers";
import type { PublishPorts } from "./ports.ts";
import { authenticationMode, makeSecret, sealSecret, TOKEN_BYTES } from "./trigger-secret.ts";

const TYPE_PREFIX = "trigger.";

/** A trigger after a publish, with its secret if this publish made one. */
export interface SyncedTrigger {
  readonly trigger: TriggerRecord;
  readonly secret: string | undefined;
}

/**
 * Brings the triggers of a workflow to the state of a published graph. A trigger belongs to its node's id: its own id, token and secret outlive
 * versions; a secret is made anew only when the way of authentication changes. Triggers of other nodes are disabled.
 * @param db of the tenant, with the workflow locked
 */
export async function syncTriggers(db: ScopedDb, tenantId: string, workflowId: string, graph: Graph, services: PublishPorts): Promise<SyncedTrigger[]> {
  const existing = await findTriggersByNode(db, tenantId, workflowId);
  const nodes = graph.nodes.filter(({ type }) => findDefinition(type)?.kind === "trigger");
  const synced: SyncedTrigger[] = [];
  for (const node of nodes) synced.push(await syncTrigger(db, tenantId, workflowId, node, existing.get(node.id), services));
  await disableOtherTriggers(db, tenantId, workflowId, nodes.map(({ id }) => id));
  return synced;
}

async function syncTrigger(
  db: ScopedDb,
  tenantId: string,
  workflowId: string,
  node: GraphNode,
  known: TriggerRecord | undefined,
  services: PublishPorts,
): Promise<SyncedTrigger> {
  const { ids, randomBytes, box } = services;
  const id = known?.id ?? ids.next();
  const kind = node.type.slice(TYPE_PREFIX.length);
  const config = paramsOf(node);
  const mode = kind === "webhook" ? authenticationMode(config) : "none";
  const hookToken = kind === "webhook" ? (known?.hookToken ?? randomBytes(TOKEN_BYTES).toString("base64url")) : null;
  const isKept = known !== undefined && known.hasSecret && known.kind === kind && authenticationMode(known.config) === mode;
  const secret = mode === "none" || isKept ? undefined : makeSecret(mode, randomBytes);
  const change: TriggerChange = {
    kind,
    config,
    hookToken,
    ...(secret === undefined ? {} : { sealedSecret: sealSecret(box, secret, tenantId, id) }),
    ...(mode === "none" ? { sealedSecret: null } : {}),
  };
  const trigger = known === undefined ? await createTrigger(db, tenantId, { id, workflowId, nodeId: node.id }, change) : await updateTrigger(db, tenantId, id, change);
  const sourceKey = sourceKeyOf(node.type, config);
  if (sourceKey !== undefined) await watchSource(db, tenantId, id, { kind, sourceKey });
  return { trigger, secret };
}

/** Hash of what identifies the source that a dispatcher watches; undefined for triggers that watch none. */
function sourceKeyOf(type: string, config: Json): string | undefined {
  const sourceKey = findDefinition(type)?.sourceKey;
  if (sourceKey === undefined || typeof config !== "object" || config === null || Array.isArray(config)) return undefined;
  return createHash("sha256").update(canonicalJson(sourceKey(config))).digest("hex");
}

/** The parameters with the schema's defaults; a published graph was validated, so they fit. */
function paramsOf(node: GraphNode): Json {
  const parsed: unknown = findDefinition(node.type)?.params.parse(node.params);
  return JSON.parse(JSON.stringify(parsed ?? null)) as Json;
}
