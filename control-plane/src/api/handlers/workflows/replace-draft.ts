import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { assertNotArchived, hasWorkflow, replaceDraft as writeDraft } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { entityTag, revisionsOf } from "./entity-tag.ts";

/** PUT /v1/workflows/{workflowId}/draft */
export const replaceDraft: Handler<Routes["replaceDraft"]> = async ({ access, params, headers, body }, { tenantDb }) => {
  const { tenantId } = access;
  const { workflowId } = params;
  const revision = await tenantDb.withTenant(tenantId, async (db) => {
    const written = await writeDraft(db, tenantId, workflowId, body.graph, revisionsOf(headers["If-Match"]));
    if (written !== undefined) return written;
    if (!(await hasWorkflow(db, tenantId, workflowId))) throw notFound("workflow");
    await assertNotArchived(db, tenantId, workflowId);
    throw new RequestError("PRECONDITION_FAILED", { detail: "The draft has another revision by now. Read it again and apply the change to that." });
  });
  return { status: 200, headers: { ETag: entityTag(revision) }, body: { workflowId, revision, graph: body.graph } };
};
