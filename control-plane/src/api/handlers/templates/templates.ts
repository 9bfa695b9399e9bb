import type { Routes } from "@fluxo/contracts/http/routes";
import { createTemplate as insertTemplate, findTemplate, listTemplates as findTemplates, updateTemplate as changeTemplate } from "@fluxo/prisma/repositories/workflow-templates";
import type { Handler } from "../../http/handler.ts";
import { refuseTakenNames } from "../name-taken.ts";
import { notFound } from "../not-found.ts";
import { idOfPageToken, toIdPage } from "../pages.ts";
import { toTemplateAnswer } from "./template-answer.ts";

/** GET /v1/templates */
export const listTemplates: Handler<Routes["listTemplates"]> = async ({ access, query }, { tenantDb }) => {
  const before = idOfPageToken(query.pageToken);
  const page = await tenantDb.withAgency(access.agencyId, (db) => findTemplates(db, access.agencyId, query.limit, before));
  return { status: 200, body: toIdPage(page, toTemplateAnswer) };
};

/** POST /v1/templates */
export const createTemplate: Handler<Routes["createTemplate"]> = async ({ access, body }, { tenantDb, ids }) => {
  const template = await refuseTakenNames("template", () => tenantDb.withAgency(access.agencyId, (db) => insertTemplate(db, access.agencyId, { id: ids.next(), ...body })));
  return { status: 201, headers: { Location: `/v1/templates/${template.id}` }, body: toTemplateAnswer(template) };
};

/** GET /v1/templates/{templateId} */
export const getTemplate: Handler<Routes["getTemplate"]> = async ({ access, params }, { tenantDb }) => {
  const template = await tenantDb.withAgency(access.agencyId, (db) => findTemplate(db, access.agencyId, params.templateId));
  if (template === undefined) throw notFound("template");
  return { status: 200, body: toTemplateAnswer(template) };
};

/** PATCH /v1/templates/{templateId} */
export const updateTemplate: Handler<Routes["updateTemplate"]> = async ({ access, params, body }, { tenantDb }) => {
  const template = await refuseTakenNames("template", () => tenantDb.withAgency(access.agencyId, (db) => changeTemplate(db, access.agencyId, params.templateId, body)));
  if (template === undefined) throw notFound("template");
  return { status: 200, body: toTemplateAnswer(template) };
};
