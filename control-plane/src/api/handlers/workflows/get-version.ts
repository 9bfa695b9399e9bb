import type { Routes } from "@fluxo/contracts/http/routes";
import { graphSchema } from "@fluxo/core/graph/graph";
import { findVersion } from "@fluxo/prisma/repositories/workflow-versions";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toVersionAnswer } from "./workflow-answer.ts";

/** GET /v1/workflows/{workflowId}/versions/{number} */
export const getVersion: Handler<Routes["getVersion"]> = async ({ access, params }, { tenantDb }) => {
  const version = await tenantDb.withTenant(access.tenantId, (db) => findVersion(db, access.tenantId, params.workflowId, params.number));
  if (version === undefined) throw notFound("version");
  return { status: 200, body: { ...toVersionAnswer(version), graph: graphSchema.parse(version.graph) } };
};
