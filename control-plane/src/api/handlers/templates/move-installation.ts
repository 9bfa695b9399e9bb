import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { parameterValuesSchema } from "@fluxo/core/workflow-templates/parameters";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { findInstallation, type InstallationRecord } from "@fluxo/prisma/repositories/template-installations";
import { findTemplateVersion, findTemplateVersionById } from "@fluxo/prisma/repositories/workflow-templates";
import { toContent } from "../../../templates/content.ts";
import { moveInstallation, type MoveRequest } from "../../../templates/move-installation.ts";
import { noteRefusal } from "../../../templates/refusal.ts";
import type { Handler } from "../../http/handler.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { toPublishedAnswer } from "../workflows/published-answer.ts";
import { toConflictAnswer, toInstallationAnswer } from "./template-answer.ts";

/** POST /v1/templates/{templateId}/installations/{tenantId}/move */
export const moveTemplateInstallation: Handler<Routes["moveTemplateInstallation"]> = async ({ access, params, body }, services) => {
  const { agencyId, actor } = access;
  const { tenantId, templateId } = params;
  const version = await services.tenantDb.withAgency(agencyId, async (db) => {
    const installation = await installationOf(db, tenantId, templateId);
    const found = await findTemplateVersion(db, agencyId, templateId, body.number ?? installation.versionNumber);
    if (found === undefined) throw notFound("version");
    return found;
  });
  const request: MoveRequest = { content: toContent(version), parameters: { mode: "over", values: body.parameters }, onConflict: body.onConflict, actorId: actor.id };
  return { status: 200, body: await move(services, tenantId, request) };
};

/** POST /v1/templates/{templateId}/installations/{tenantId}/rollback */
export const rollBackTemplateInstallation: Handler<Routes["rollBackTemplateInstallation"]> = async ({ access, params, body }, services) => {
  const { agencyId, actor } = access;
  const { tenantId, templateId } = params;
  const { version, values } = await services.tenantDb.withAgency(agencyId, async (db) => {
    const { previousVersionId, previousParameters } = await installationOf(db, tenantId, templateId);
    if (previousVersionId === null) throw new RequestError("STATE_CONFLICT", { detail: "The tenant had no version of the template before this one." });
    const found = await findTemplateVersionById(db, agencyId, previousVersionId);
    if (found === undefined) throw notFound("version");
    return { version: found, values: parameterValuesSchema.parse(previousParameters) };
  });
  const request: MoveRequest = { content: toContent(version), parameters: { mode: "instead", values }, onConflict: body.onConflict, actorId: actor.id };
  return { status: 200, body: await move(services, tenantId, request) };
};

/** @param db of the agency: it sees its own tenants' only. @throws RequestError NOT_FOUND */
async function installationOf(db: ScopedDb, tenantId: string, templateId: string): Promise<InstallationRecord> {
  const installation = await findInstallation(db, tenantId, templateId);
  if (installation === undefined) throw notFound("installation");
  return installation;
}

/** A refusal is noted at the installation before it is answered, so that the list of who has what tells it too. It undoes the request, and so is noted beside it. */
async function move(services: ApiServices, tenantId: string, request: MoveRequest) {
  const { tenantDb, units, publicIngressUrl } = services;
  const { templateId } = request.content;
  try {
    return await tenantDb.withTenant(tenantId, async (db) => {
      const moved = await moveInstallation(db, tenantId, request, services);
      if (moved === undefined) throw notFound("installation");
      const installation = await installationOf(db, tenantId, templateId);
      return { installation: toInstallationAnswer(installation), published: toPublishedAnswer(moved.published, publicIngressUrl), decided: moved.conflicts.map(toConflictAnswer) };
    });
  } catch (error) {
    if (error instanceof RequestError && error.code !== "VALIDATION_FAILED" && error.code !== "NOT_FOUND") await units.aside(() => tenantDb.withTenant(tenantId, (db) => noteRefusal(db, tenantId, request.content, error)));
    throw error;
  }
}
