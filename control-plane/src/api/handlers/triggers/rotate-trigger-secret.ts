import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { findTrigger, replaceTriggerSecret } from "@fluxo/prisma/repositories/triggers";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { notFound } from "../not-found.ts";
import { authenticationMode, isStandardSecret, makeSecret, sealSecret } from "../../../publishing/trigger-secret.ts";

/** POST /v1/triggers/{triggerId}/rotate-secret */
export const rotateTriggerSecret: Handler<Routes["rotateTriggerSecret"]> = async ({ access, params, body }, { tenantDb, box, randomBytes }) => {
  const { tenantId } = access;
  const { triggerId } = params;
  const secret = await tenantDb.withTenant(tenantId, async (db) => {
    const trigger = await findTrigger(db, tenantId, triggerId);
    if (trigger === undefined) throw notFound("trigger");
    const mode = trigger.kind === "webhook" ? authenticationMode(trigger.config) : "none";
    if (mode === "none") throw new RequestError("STATE_CONFLICT", { detail: "The trigger asks its callers for no secret." });
    if (mode === "standard" && body?.secret !== undefined && !isStandardSecret(body.secret)) {
      throw invalid([{ path: "/body/secret", code: "invalid_format", message: "must be whsec_ and 24 to 64 bytes in base64" }]);
    }
    const chosen = body?.secret ?? makeSecret(mode, randomBytes);
    await replaceTriggerSecret(db, tenantId, triggerId, sealSecret(box, chosen, tenantId, triggerId));
    return chosen;
  });
  return { status: 200, body: { triggerId, secret } };
};
