import { idempotencyHeaders } from "@fluxo/contracts/http/idempotency";
import { problemSchema } from "@fluxo/contracts/http/problem";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { fieldsOf, isOneTransaction, isTagged, keepsAnswers, readerOf } from "@fluxo/contracts/http/route-rules";
import { compareText } from "@fluxo/core/collections";
import { ERROR_CODES, type RequestErrorCode } from "@fluxo/core/errors/codes";
import { z } from "zod";
import { isOfPages } from "../sign-in/pages.ts";
import { TAG_LIST } from "./entity-tags.ts";
import { CODES, withSharedParts } from "./openapi-shared-parts.ts";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject, type ZodOpenApiResponsesObject } from "zod-openapi";

const description = `Tenants, workflows and executions of an agency.

Every request carries an API key: \`Authorization: Bearer flx_…\`. The key of a tenant acts on that tenant; an agency key names the tenant in the
\`Fluxo-Tenant\` header. Errors are problem details (RFC 9457) with a stable \`code\`. Lists are paged by \`limit\` and \`pageToken\`; reads are narrowed by \`fields\`.
A POST with \`Idempotency-Key\` can be repeated; reads have an \`ETag\`, which updates take in \`If-Match\`.
\`/healthz\`, \`/readyz\` and \`/metrics\` are there as well, for probes and Prometheus.`;

const tenantHeader = z.uuid().optional().meta({ description: "The tenant that the request is about; required with an agency key.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" });

const tagListSchema = z.string().regex(TAG_LIST).max(1_000).optional();
const ifMatch = tagListSchema.meta({ description: "The entity tag that the resource must still have; another one is refused with PRECONDITION_FAILED.", example: '"Zx2vJ0pX1mQ9aR4tB7cD3w"' });
const ifNoneMatch = tagListSchema.meta({ description: "The entity tag that you have; while the resource still has it, the answer is 304 without a body.", example: '"Zx2vJ0pX1mQ9aR4tB7cD3w"' });
const fields = z
  .string()
  .optional()
  .meta({ description: "Only these fields of the resource, or of each element of `data`, with commas between them. The others are left out, whatever the schema says of them.", example: "id,name" });

const oneTenantHeader = z.uuid().optional().meta({ description: "Only of this tenant; absent for all that the caller reaches.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" });

type Document = ReturnType<typeof createDocument>;

/** The OpenAPI 3.1 document of the routes. The same routes always give the same document. */
export function openApiDocument(routes: Readonly<Record<string, RouteDefinition>>): Document {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of Object.values(routes)) paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route, readerOf(route, routes) !== undefined) };
  const tags = [...new Set(Object.values(routes).map((route) => route.tag))];
  const document = createDocument({
    openapi: "3.1.0",
    info: { title: "Fluxo admin API", version: "1", description },
    servers: [{ url: "/" }],
    tags: tags.map((name) => ({ name })),
    paths,
    components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "An API key: flx_<id>_<secret>." } } },
  });
  return withSharedParts(withNamedJson(document));
}

const JSON_VALUE = "JsonValue";

/** The generator numbers each schema that contains itself. Ours are all the same one, any JSON value: it gets a name of its own, and no structure, since generators of typed clients do not take a type that is itself. */
function withNamedJson(document: Document): Document {
  const named: Document = JSON.parse(JSON.stringify(document).replaceAll(/#\/components\/schemas\/__schema\d+/g, `#/components/schemas/${JSON_VALUE}`));
  const schemas = Object.entries(named.components?.schemas ?? {}).map(([name, schema]) => /^__schema\d+$/.test(name) ? ([JSON_VALUE, { description: "Any JSON value." }] as const) : ([name, schema] as const));
  return { ...named, components: { ...named.components, schemas: Object.fromEntries(schemas.toSorted(([left], [right]) => compareText(left, right))) } };
}

function operationOf(route: RouteDefinition, hasReader: boolean): ZodOpenApiOperationObject {
  const headers = {
    ...(route.subject === "tenant" ? { "Fluxo-Tenant": tenantHeader } : {}),
    ...(route.subject === "tenants" ? { "Fluxo-Tenant": oneTenantHeader } : {}),
    ...(keepsAnswers(route) ? idempotencyHeaders.shape : {}),
    ...(hasReader ? { "If-Match": ifMatch } : {}),
    ...(isTagged(route) ? { "If-None-Match": ifNoneMatch } : {}),
    ...route.headers?.shape,
  };
  const query = { ...route.query?.shape, ...(fieldsOf(route) === undefined ? {} : { fields }) };
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    description: `${route.description}\n\n${guardOf(route)}`,
    security: route.scope === "public" ? [] : [{ apiKey: [] }],
    requestParams: {
      ...(route.params === undefined ? {} : { path: described(route.params.shape) }),
      ...(Object.keys(query).length === 0 ? {} : { query: described(query) }),
      ...(Object.keys(headers).length === 0 ? {} : { header: described(headers) }),
    },
    ...(route.body === undefined ? {} : { requestBody: { required: !route.body.safeParse(undefined).success, content: { "application/json": { schema: route.body } } } }),
    responses: { ...successes(route, hasReader), ...problems(route, hasReader) },
  };
}

/** Parameters whose description is also on the outside, where the generator looks for it, when the described schema is wrapped as optional. */
function described(shape: Readonly<Record<string, z.core.$ZodType>>): z.ZodObject {
  return z.object(Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? schema.meta({ description: descriptionOf(schema) }) : schema])));
}

function descriptionOf(schema: unknown): string {
  let inner = schema;
  while ((inner instanceof z.ZodOptional || inner instanceof z.ZodDefault) && inner.description === undefined) inner = inner.unwrap();
  return inner instanceof z.ZodType ? (inner.description ?? "") : "";
}

function guardOf({ scope, subject }: RouteDefinition): string {
  if (scope === "public") return "Needs no key.";
  const who = subject === "agency" ? " of the agency" : subject === "operator" ? " of the operator" : "";
  return scope === "authenticated" ? `Any key${who} may call it.` : `Needs a key${who} with the scope \`${scope}\`.`;
}

function successes(route: RouteDefinition, hasReader: boolean): ZodOpenApiResponsesObject {
  const always = {
    "X-Request-Id": "The id of the request.",
    ...(route.scope === "public" ? {} : { RateLimit: "What is left of each limit, and when it begins again.", "RateLimit-Policy": "The limits." }),
    ...(keepsAnswers(route) ? { "Idempotency-Replayed": "`true` when this is the answer that an earlier request with the key got." } : {}),
    ...(isTagged(route) || hasReader ? { ETag: "The entity tag of the resource as it is now." } : {}),
  };
  const entries = Object.entries(route.responses).map(([status, { description: text, body, content, headers = {} }]) => [
    status,
    {
      description: text,
      headers: headersOf({ ...always, ...headers }),
      ...(body === undefined ? {} : { content: { "application/json": { schema: body } } }),
      ...(content === undefined ? {} : { content: { "application/octet-stream": { schema: { type: "string" as const, format: "binary", description: content } } } }),
    },
  ]);
  const known = isTagged(route) ? { 304: { description: "You have it: If-None-Match names its entity tag.", headers: headersOf({ "X-Request-Id": always["X-Request-Id"], ETag: "The entity tag." }) } } : {};
  return { ...Object.fromEntries(entries), ...known };
}

function headersOf(says: Readonly<Record<string, string>>): Record<string, { description: string; schema: { type: "string" } }> {
  return Object.fromEntries(Object.entries(says).map(([name, description]) => [name, { description, schema: { type: "string" } }]));
}

/** The refusals of the route's own, and those that follow from its shape; one entry per status. */
function problems(route: RouteDefinition, hasReader: boolean): ZodOpenApiResponsesObject {
  const codes = new Set<RequestErrorCode>([
    // Also where nothing is declared: an unknown parameter of the query is refused.
    "VALIDATION_FAILED",
    ...(route.method === "get" ? [] : (["MALFORMED_JSON", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"] as const)),
    ...(keepsAnswers(route) ? (["IDEMPOTENCY_KEY_REUSED"] as const) : []),
    ...(isOneTransaction(route) ? (["REQUEST_IN_PROGRESS"] as const) : []),
    ...(hasReader ? (["PRECONDITION_FAILED"] as const) : []),
    ...(route.subject === "tenant" ? (["TENANT_REQUIRED", "NOT_FOUND"] as const) : []),
    ...((route.subject === "tenant" || route.subject === "pathTenant") && route.method !== "get" ? (["TENANT_OFFBOARDING"] as const) : []),
    ...(route.subject === "tenants" ? (["NOT_FOUND"] as const) : []),
    ...(route.scope === "public" ? [] : (["UNAUTHENTICATED", "RATE_LIMITED", "UNAVAILABLE"] as const)),
    ...(route.scope === "public" || (route.scope === "authenticated" && route.subject === "caller") ? [] : (["SCOPE_MISSING"] as const)),
    ...route.problems,
    "INTERNAL",
  ]);
  const byStatus = Map.groupBy(codes, (code) => ERROR_CODES[code].http);
  const entries = [...byStatus]
    .toSorted(([left], [right]) => left - right)
    .map(([status, group]) => [
      String(status),
      {
        description: group.map((code) => `\`${code}\`: ${ERROR_CODES[code].title}`).join("\n"),
        [CODES]: group,
        headers: { "X-Request-Id": { description: "The id of the request.", schema: { type: "string" } } },
        content: { "application/problem+json": { schema: problemSchema }, ...(isOfPages(route.path) ? { "text/html": { schema: { type: "string" as const, description: "The same as a page, for a browser that names text/html in Accept." } } } : {}) },
      },
    ]);
  return Object.fromEntries(entries);
}
