import type { Routes } from "@fluxo/contracts/http/routes";
import { graphSchema } from "@fluxo/core/graph/graph";
import { findDraft } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { entityTag } from "./entity-tag.ts";

/** GET /v1/workflows/{workflowId}/draft */
export const getDraft: Handler<Routes["getDraft"]> = async ({ access, params }, { tenantDb }) => {
  const draft = await tenantDb.withTenant(access.tenantId, (db) => findDraft(db, access.tenantId, params.workflowId));
  if (draft === undefined) throw notFound("workflow");
  const body = { workflowId: params.workflowId, revision: draft.revision, graph: graphSchema.parse(draft.graph) };
  return { status: 200, headers: { ETag: entityTag(draft.revision) }, body };
};
