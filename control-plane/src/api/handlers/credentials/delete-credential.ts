import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { deleteCredential as removeCredential, lockCredential } from "@fluxo/prisma/credentials/credentials";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { findUsages } from "./usages.ts";

/** DELETE /v1/credentials/{credentialId} */
export const deleteCredential: Handler<Routes["deleteCredential"]> = async ({ access, params, query }, { tenantDb }) => {
  const { tenantId } = access;
  const { credentialId } = params;
  await tenantDb.withTenant(tenantId, async (db) => {
    // A publish that names it waits for this lock, or this waits for the publish: no version is left with a credential that is gone.
    if ((await lockCredential(db, tenantId, credentialId)) === undefined) throw notFound("credential");
    const usages = query.force === true ? [] : await findUsages(db, tenantId, credentialId);
    if (usages.length > 0) {
      const issues = usages.map(({ workflowId, workflowName, state, nodeId, param }) => ({
        path: "/params/credentialId",
        code: "in_use",
        message: `"${workflowName}" (${workflowId}), ${state}: the node "${nodeId}" uses it as "${param}".`,
        nodeId,
      }));
      throw new RequestError("STATE_CONFLICT", { detail: "The credential is used. Take it out of the workflows first, or delete it with force=true.", issues });
    }
    await removeCredential(db, tenantId, credentialId);
  });
  return { status: 204 };
};
