import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { intake, type IntakeItem } from "@fluxo/prisma/executions/intake";
import { findManualTriggers } from "@fluxo/prisma/repositories/triggers";
import { findWorkflow } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { fingerprintOf } from "../fingerprint.ts";
import { notFound } from "../not-found.ts";

/** POST /v1/workflows/{workflowId}/executions */
export const startExecution: Handler<Routes["startExecution"]> = async ({ access, params, headers, body }, { tenantDb, pool, clock, ids, handOver }) => {
  const { tenantId } = access;
  const triggerId = await tenantDb.withTenant(tenantId, (db) => findManualTrigger(db, tenantId, params.workflowId, body.nodeId));
  const key = headers["Idempotency-Key"];
  const executionId = ids.next();
  const item: IntakeItem = {
    tenantId,
    triggerId,
    occurrenceKey: key === undefined ? `id:${executionId}` : `key:${key}`,
    executionId,
    input: body.input,
    payloadId: ids.next(),
    fingerprint: fingerprintOf(body.input),
    occurredAt: clock.now(),
  };
  const [result] = await intake(pool, [item]);
  switch (result?.outcome) {
    case "accepted":
      handOver([{ tenantId, executionId }]);
      return { status: 202, headers: { Location: `/v1/executions/${result.executionId}` }, body: { executionId: result.executionId, duplicate: false } };
    case "duplicate":
      return { status: 200, headers: { Location: `/v1/executions/${result.executionId}` }, body: { executionId: result.executionId, duplicate: true } };
    case "conflict":
      throw new RequestError("IDEMPOTENCY_KEY_REUSED", { detail: `The key started the execution ${result.executionId} with another input.` });
    case "tooLarge":
      throw new RequestError("PAYLOAD_TOO_LARGE");
    case "filtered": // Manual triggers have no filter.
    case "gone":
    case undefined:
      throw noManualTrigger();
    default:
      return result satisfies never;
  }
};

/** @throws RequestError NOT_FOUND, WORKFLOW_ARCHIVED, WORKFLOW_NOT_PUBLISHED, STATE_CONFLICT */
async function findManualTrigger(db: ScopedDb, tenantId: string, workflowId: string, nodeId: string | undefined): Promise<string> {
  const workflow = await findWorkflow(db, tenantId, workflowId);
  if (workflow === undefined) throw notFound("workflow");
  if (workflow.archivedAt !== null) throw new RequestError("WORKFLOW_ARCHIVED");
  if (workflow.publishedVersion === null) throw new RequestError("WORKFLOW_NOT_PUBLISHED");
  const triggers = await findManualTriggers(db, tenantId, workflowId);
  const [trigger, other] = nodeId === undefined ? triggers : triggers.filter((candidate) => candidate.nodeId === nodeId);
  if (trigger === undefined) throw noManualTrigger();
  if (other !== undefined) {
    throw new RequestError("STATE_CONFLICT", { detail: `The workflow has several manual triggers; name one in nodeId: ${triggers.map((candidate) => candidate.nodeId).join(", ")}.` });
  }
  return trigger.id;
}

function noManualTrigger(): RequestError {
  return new RequestError("STATE_CONFLICT", { detail: "The published version has no such trigger.manual node." });
}
