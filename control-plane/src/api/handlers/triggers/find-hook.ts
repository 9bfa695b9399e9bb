import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findTrigger } from "@fluxo/prisma/repositories/triggers";
import { assertNotArchived } from "@fluxo/prisma/repositories/workflows";
import { notFound } from "../not-found.ts";

/** The token of a webhook that is published. @param db of the tenant. @throws RequestError NOT_FOUND, STATE_CONFLICT, WORKFLOW_ARCHIVED */
export async function findHookToken(db: ScopedDb, tenantId: string, triggerId: string): Promise<string> {
  const trigger = await findTrigger(db, tenantId, triggerId);
  if (trigger === undefined) throw notFound("trigger");
  if (trigger.kind !== "webhook" || trigger.hookToken === null) throw new RequestError("STATE_CONFLICT", { detail: "The trigger is no webhook." });
  await assertNotArchived(db, tenantId, trigger.workflowId);
  if (!trigger.isEnabled) throw new RequestError("STATE_CONFLICT", { detail: "The published version does not have this trigger any more." });
  return trigger.hookToken;
}
