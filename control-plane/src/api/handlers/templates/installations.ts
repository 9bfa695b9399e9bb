import type { Routes } from "@fluxo/contracts/http/routes";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import { countInstallations, findInstallation, listInstallations, listInstallationsOfTenant } from "@fluxo/prisma/repositories/template-installations";
import { findTemplate, findTemplateVersion } from "@fluxo/prisma/repositories/workflow-templates";
import { brokenUniqueIndex } from "@fluxo/prisma/repositories/constraint";
import { RequestError } from "@fluxo/core/errors/request-error";
import { toContent } from "../../../templates/content.ts";
import { installTemplate as install } from "../../../templates/install-template.ts";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toPage } from "../pages.ts";
import { toPublishedAnswer } from "../workflows/published-answer.ts";
import { toInstallationAnswer } from "./template-answer.ts";

/** GET /v1/templates/{templateId}/installations */
export const listTemplateInstallations: Handler<Routes["listTemplateInstallations"]> = async ({ access, params, query }, { tenantDb }) => {
  const { agencyId } = access;
  const { limit, pageToken, versionNumber, behind, refused, overridden } = query;
  const after = idOfPageToken(pageToken);
  const [page, versions] = await tenantDb.withAgency(agencyId, async (db) => {
    const template = await findTemplate(db, agencyId, params.templateId);
    if (template === undefined) throw notFound("template");
    const newest = template.latestNumber ?? 0;
    const filter = {
      versionNumber: behind === false ? (versionNumber ?? newest) : versionNumber,
      beforeVersion: behind === true ? newest : undefined,
      isRefused: refused,
      hasOverrides: overridden,
    };
    return [await listInstallations(db, agencyId, template.id, filter, limit, after), await countInstallations(db, agencyId, template.id)] as const;
  });
  const answer = toPage(page, ({ tenantName, ...installation }) => ({ ...toInstallationAnswer(installation), tenantName }), ({ tenantId }) => [tenantId]);
  return { status: 200, body: { ...answer, versions } };
};

/** GET /v1/templates/{templateId}/installations/{tenantId} */
export const getTemplateInstallation: Handler<Routes["getTemplateInstallation"]> = async ({ access, params }, { tenantDb }) => {
  const installation = await tenantDb.withAgency(access.agencyId, (db) => findInstallation(db, params.tenantId, params.templateId));
  if (installation === undefined) throw notFound("installation");
  return { status: 200, body: toInstallationAnswer(installation) };
};

/** POST /v1/templates/{templateId}/installations */
export const installTemplate: Handler<Routes["installTemplate"]> = async ({ access, params, body }, services) => {
  const { tenantDb, publicIngressUrl } = services;
  const { agencyId, actor } = access;
  const { tenantId, number, parameters } = body;
  const { content, name } = await tenantDb.withAgency(agencyId, async (db) => {
    const template = await findTemplate(db, agencyId, params.templateId);
    if (template === undefined) throw notFound("template");
    const version = await findTemplateVersion(db, agencyId, template.id, number);
    if (version === undefined) throw notFound("version");
    if ((await findTenant(db, tenantId)) === undefined) throw notFound("tenant");
    return { content: toContent(version), name: body.name ?? template.name };
  });
  const [published, installation] = await refuseTwice(() =>
    refuseTakenNames("workflow", () =>
      tenantDb.withTenant(tenantId, async (db) => {
        if ((await findInstallation(db, tenantId, content.templateId)) !== undefined) throw hasItAlready();
        const installed = await install(db, tenantId, { agencyId, content, name, parameters, actorId: actor.id }, services);
        return [installed.published, await findInstallation(db, tenantId, content.templateId)] as const;
      }),
    ),
  );
  if (installation === undefined) throw notFound("installation");
  const headers = { Location: `/v1/templates/${content.templateId}/installations/${tenantId}` };
  return { status: 201, headers, body: { installation: toInstallationAnswer(installation), published: toPublishedAnswer(published, publicIngressUrl), decided: [] } };
};

/** Two requests for the same tenant at the same time: the second one finds the first one's row when it writes its own. */
async function refuseTwice<R>(write: () => Promise<R>): Promise<R> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof RequestError && brokenUniqueIndex(error.cause)?.startsWith("template_installations") === true) throw hasItAlready();
    throw error;
  }
}

function hasItAlready(): RequestError {
  return new RequestError("STATE_CONFLICT", { detail: "The tenant has this template already; move its installation to another version." });
}

/** GET /v1/template-installations */
export const listOwnInstallations: Handler<Routes["listOwnInstallations"]> = async ({ access, query }, { tenantDb }) => {
  const after = idOfPageToken(query.pageToken);
  const page = await tenantDb.withTenant(access.tenantId, (db) => listInstallationsOfTenant(db, access.tenantId, query.limit, after));
  return { status: 200, body: toPage(page, toInstallationAnswer, ({ templateId }) => [templateId]) };
};
