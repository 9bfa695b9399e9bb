import { problemSchema } from "@fluxo/contracts/http/problem";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { compareText } from "@fluxo/core/collections";
import { ERROR_CODES, type RequestErrorCode } from "@fluxo/core/errors/codes";
import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject, type ZodOpenApiResponsesObject } from "zod-openapi";

const description = `Tenants, workflows and executions of an agency.

Every request carries an API key: \`Authorization: Bearer flx_…\`. The key of a tenant acts on that tenant; an agency key names the tenant in the
\`Fluxo-Tenant\` header. Errors are problem details (RFC 9457) with a stable \`code\`. Lists are paged by \`limit\` and \`pageToken\`.
\`/healthz\`, \`/readyz\` and \`/metrics\` are there as well, for probes and Prometheus.`;

const tenantHeader = z.uuid().optional().meta({ description: "The tenant that the request is about; required with an agency key.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" });

type Document = ReturnType<typeof createDocument>;

/** The OpenAPI 3.1 document of the routes. The same routes always give the same document. */
export function openApiDocument(routes: Readonly<Record<string, RouteDefinition>>): Document {
  const paths: ZodOpenApiPathsObject = {};
  for (const route of Object.values(routes)) paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) };
  const tags = [...new Set(Object.values(routes).map((route) => route.tag))];
  const document = createDocument({
    openapi: "3.1.0",
    info: { title: "Fluxo admin API", version: "1", description },
    servers: [{ url: "/" }],
    tags: tags.map((name) => ({ name })),
    paths,
    components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "An API key: flx_<id>_<secret>." } } },
  });
  return withNamedJson(document);
}

const JSON_VALUE = "JsonValue";

/** The generator numbers each schema that contains itself. Ours are all the same one, any JSON value: it gets a name of its own. */
function withNamedJson(document: Document): Document {
  const named: Document = JSON.parse(JSON.stringify(document).replaceAll(/#\/components\/schemas\/__schema\d+/g, `#/components/schemas/${JSON_VALUE}`));
  const schemas = Object.entries(named.components?.schemas ?? {}).map(([name, schema]) => [/^__schema\d+$/.test(name) ? JSON_VALUE : name, schema] as const);
  return { ...named, components: { ...named.components, schemas: Object.fromEntries(schemas.toSorted(([left], [right]) => compareText(left, right))) } };
}

function operationOf(route: RouteDefinition): ZodOpenApiOperationObject {
  const headers = { ...(route.subject === "tenant" ? { "Fluxo-Tenant": tenantHeader } : {}), ...route.headers?.shape };
  return {
    operationId: route.operationId,
    tags: [route.tag],
    summary: route.summary,
    description: `${route.description}\n\n${guardOf(route)}`,
    security: route.scope === "public" ? [] : [{ apiKey: [] }],
    requestParams: {
      ...(route.params === undefined ? {} : { path: described(route.params.shape) }),
      ...(route.query === undefined ? {} : { query: described(route.query.shape) }),
      ...(Object.keys(headers).length === 0 ? {} : { header: described(headers) }),
    },
    ...(route.body === undefined ? {} : { requestBody: { required: !route.body.safeParse(undefined).success, content: { "application/json": { schema: route.body } } } }),
    responses: { ...successes(route), ...problems(route) },
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

function successes(route: RouteDefinition): ZodOpenApiResponsesObject {
  const entries = Object.entries(route.responses).map(([status, { description: text, body, content, headers = {} }]) => [
    status,
    {
      description: text,
      headers: Object.fromEntries(["X-Request-Id", ...Object.keys(headers)].map((name) => [name, { description: headers[name] ?? "The id of the request.", schema: { type: "string" } }])),
      ...(body === undefined ? {} : { content: { "application/json": { schema: body } } }),
      ...(content === undefined ? {} : { content: { "application/octet-stream": { schema: { type: "string" as const, format: "binary", description: content } } } }),
    },
  ]);
  return Object.fromEntries(entries);
}

/** The refusals of the route's own, and those that follow from its shape; one entry per status. */
function problems(route: RouteDefinition): ZodOpenApiResponsesObject {
  const hasInput = route.params !== undefined || route.query !== undefined || route.headers !== undefined || route.body !== undefined;
  const codes = new Set<RequestErrorCode>([
    ...(hasInput ? (["VALIDATION_FAILED"] as const) : []),
    ...(route.body === undefined ? [] : (["MALFORMED_JSON", "BODY_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"] as const)),
    ...(route.subject === "tenant" ? (["TENANT_REQUIRED", "NOT_FOUND"] as const) : []),
    ...(route.scope === "public" ? [] : (["UNAUTHENTICATED", "UNAVAILABLE"] as const)),
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
        headers: { "X-Request-Id": { description: "The id of the request.", schema: { type: "string" } } },
        content: { "application/problem+json": { schema: problemSchema } },
      },
    ]);
  return Object.fromEntries(entries);
}
