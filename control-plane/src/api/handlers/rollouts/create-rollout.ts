import type { Routes } from "@fluxo/contracts/http/routes";
import { chooseCanaries } from "@fluxo/core/workflow-templates/rollout";
import { findInstalledTenants } from "@fluxo/prisma/repositories/template-installations";
import { createRollout as insertRollout } from "@fluxo/prisma/repositories/template-rollouts";
import { findKnownTenants } from "@fluxo/prisma/repositories/tenants";
import { findTemplate, findTemplateVersion } from "@fluxo/prisma/repositories/workflow-templates";
import type { Handler, HandlerRequest } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { notFound } from "../not-found.ts";
import { toRolloutAnswer } from "./rollout-answer.ts";

type Body = HandlerRequest<Routes["createRollout"]>["body"];

/** POST /v1/templates/{templateId}/rollouts */
export const createRollout: Handler<Routes["createRollout"]> = async ({ access, params, body }, { tenantDb, ids, clock }) => {
  const { agencyId, actor } = access;
  const rollout = await tenantDb.withAgency(agencyId, async (db) => {
    const template = await findTemplate(db, agencyId, params.templateId);
    if (template === undefined) throw notFound("template");
    const version = await findTemplateVersion(db, agencyId, template.id, body.number);
    if (version === undefined) throw notFound("version");
    const tenantIds = body.tenantIds === undefined ? await findInstalledTenants(db, agencyId, template.id, version.id) : [...new Set(body.tenantIds)].toSorted();
    assertTenants(body, tenantIds, await findKnownTenants(db, agencyId, [...tenantIds, ...Object.keys(body.parametersByTenant)]));
    const canaries = body.canary === undefined ? new Set<string>() : chooseCanaries(tenantIds, body.canary);
    const ordered = [...tenantIds.filter((id) => canaries.has(id)), ...tenantIds.filter((id) => !canaries.has(id))];
    const items = ordered.map((tenantId) => ({ tenantId, isCanary: canaries.has(tenantId), targetVersionId: version.id, expectedVersionId: null, parameters: { ...body.parameters, ...body.parametersByTenant[tenantId] } }));
    const record = { id: ids.next(), templateId: template.id, kind: "rollout", versionId: version.id, rollsBackId: null, phase: body.canary === undefined ? "REST" : "CANARY", canaryPolicy: body.canary?.policy ?? null, onConflict: body.onConflict, createdBy: actor.id } as const;
    return insertRollout(db, agencyId, record, items, clock.now());
  });
  return { status: 202, headers: { Location: `/v1/rollouts/${rollout.id}` }, body: toRolloutAnswer(rollout) };
};

/** @throws RequestError VALIDATION_FAILED for tenants that the agency does not have, and for canary tenants and values that have no part in the rollout */
function assertTenants(body: Body, tenantIds: readonly string[], known: ReadonlySet<string>): void {
  const members = new Set(tenantIds);
  const stray = (path: string, ids: readonly string[]) => ids.flatMap((id, index) => (members.has(id) ? [] : [{ path: `${path}/${index}`, code: "unknown", message: "has no part in this rollout" }]));
  const issues = [
    ...(body.tenantIds ?? []).flatMap((id, index) => (known.has(id) ? [] : [{ path: `/body/tenantIds/${index}`, code: "unknown", message: "is not a tenant of this agency" }])),
    ...stray("/body/canary/tenantIds", body.canary?.tenantIds ?? []),
    ...Object.keys(body.parametersByTenant).flatMap((id) => (members.has(id) ? [] : [{ path: `/body/parametersByTenant/${id}`, code: "unknown", message: "has no part in this rollout" }])),
  ];
  if (issues.length > 0) throw invalid(issues);
}
