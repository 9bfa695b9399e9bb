import { createHash } from "node:crypto";
import type { Routes } from "@fluxo/contracts/http/routes";
import { canonicalJson } from "@fluxo/core/canonical-json";
import { credentialUsesOf } from "@fluxo/core/credentials/uses";
import type { Graph } from "@fluxo/core/graph/graph";
import { graphHash } from "@fluxo/core/graph/hash";
import type { GraphIssue } from "@fluxo/core/graph/issue";
import { validateGraph } from "@fluxo/core/graph/validate";
import { valueAt } from "@fluxo/core/json-diff";
import type { Json } from "@fluxo/core/json";
import { graphDocument } from "@fluxo/core/workflow-templates/graph-document";
import { lockPointer, type TemplateLock } from "@fluxo/core/workflow-templates/locks";
import { SAMPLE_CREDENTIAL_ID, sampleValues, type TemplateParameter } from "@fluxo/core/workflow-templates/parameters";
import { findPlaceholderIssues, renderTemplate } from "@fluxo/core/workflow-templates/placeholders";
import { findOrCreateTemplateVersion, findTemplate, findTemplateVersion, listTemplateVersions as findVersions } from "@fluxo/prisma/repositories/workflow-templates";
import { z } from "zod";
import { nodeCatalog } from "../../../publishing/graph-catalog.ts";
import { assertPublishable } from "../../../publishing/publish-graph.ts";
import { toContent } from "../../../templates/content.ts";
import type { Handler } from "../../http/handler.ts";
import { decodePageToken } from "../../http/page-token.ts";
import { invalid } from "../../http/validate.ts";
import { notFound } from "../not-found.ts";
import { toPage } from "../pages.ts";
import { toTemplateVersionAnswer } from "./template-answer.ts";

const numberToken = z.tuple([z.int()]);

/** GET /v1/templates/{templateId}/versions */
export const listTemplateVersions: Handler<Routes["listTemplateVersions"]> = async ({ access, params, query }, { tenantDb }) => {
  const before = decodePageToken(query.pageToken, numberToken)?.[0];
  const page = await tenantDb.withAgency(access.agencyId, async (db) => {
    if ((await findTemplate(db, access.agencyId, params.templateId)) === undefined) throw notFound("template");
    return findVersions(db, access.agencyId, params.templateId, query.limit, before);
  });
  return { status: 200, body: toPage(page, toTemplateVersionAnswer, ({ number }) => [number]) };
};

/** GET /v1/templates/{templateId}/versions/{number} */
export const getTemplateVersion: Handler<Routes["getTemplateVersion"]> = async ({ access, params }, { tenantDb }) => {
  const version = await tenantDb.withAgency(access.agencyId, (db) => findTemplateVersion(db, access.agencyId, params.templateId, params.number));
  if (version === undefined) throw notFound("version");
  const { graph, parameters, locks } = toContent(version);
  return { status: 200, body: { ...toTemplateVersionAnswer(version), graph, parameters: [...parameters], locks: [...locks] } };
};

/** POST /v1/templates/{templateId}/versions */
export const createTemplateVersion: Handler<Routes["createTemplateVersion"]> = async ({ access, params, body }, { tenantDb, ids }) => {
  const { graph, parameters, locks, note } = body;
  const { templateId } = params;
  assertTemplate(graph, parameters);
  assertLocks(graph, locks);
  const contentHash = hashOf(graph, parameters, locks);
  const made = await tenantDb.withAgency(access.agencyId, (db) => findOrCreateTemplateVersion(db, access.agencyId, { id: ids.next(), templateId, graph, parameters, locks, note, contentHash, createdBy: access.actor.id }));
  if (made === undefined) throw notFound("template");
  const answer = toTemplateVersionAnswer(made.version);
  if (!made.isNew) return { status: 200, body: answer };
  return { status: 201, headers: { Location: `/v1/templates/${templateId}/versions/${answer.number}` }, body: answer };
};

/**
 * Judges a template before any tenant has it: its placeholders, then the graph that it becomes with samples filled in. Whether a credential exists is
 * each tenant's matter, but one that is written out belongs to one tenant and has no place in a template.
 * @throws RequestError GRAPH_INVALID
 */
function assertTemplate(graph: Graph, parameters: readonly TemplateParameter[]): void {
  assertPublishable(findPlaceholderIssues(graph, parameters, nodeCatalog));
  const rendered = renderTemplate(graph, sampleValues(parameters));
  const fixed = credentialUsesOf(rendered, nodeCatalog).flatMap(({ nodeId, path, param, value }): GraphIssue[] =>
    value === SAMPLE_CREDENTIAL_ID ? [] : [{ code: "PLACEHOLDER_INVALID", nodeId, path, message: `"${param}" must be a parameter of the type credential: every tenant has credentials of its own.` }],
  );
  assertPublishable([...validateGraph(rendered, nodeCatalog), ...fixed]);
}

/** @throws RequestError VALIDATION_FAILED for a lock that names nothing */
function assertLocks(graph: Graph, locks: readonly TemplateLock[]): void {
  const document = graphDocument(graph);
  const issues = locks.flatMap((lock, index) => (valueAt(document, lockPointer(lock)) === undefined ? [{ path: `/body/locks/${index}`, code: "unknown", message: "names nothing in the graph" }] : []));
  if (issues.length > 0) throw invalid(issues);
}

function hashOf(graph: Graph, parameters: readonly TemplateParameter[], locks: readonly TemplateLock[]): string {
  const content: Json = JSON.parse(JSON.stringify([graphHash(graph), parameters, locks]));
  return createHash("sha256").update(canonicalJson(content), "utf8").digest("hex");
}
