import { TIERS } from "@fluxo/core/node/definition";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { jsonValueSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Node types";

export const nodeTypeSchema = z
  .looseObject({
    type: z.string().meta({ description: "Its name in graphs.", example: "http.request" }),
    kind: z.enum(["trigger", "flow", "data", "action"]).meta({ description: "What it is for.", example: "action" }),
    title: z.string().meta({ description: "Its name for people.", example: "HTTP request" }),
    docs: z.string().meta({ description: "What it does, in Markdown." }),
    tier: z.enum(TIERS).meta({ description: "The smallest tier that includes it.", example: "FREE" }),
    integration: z.string().nullable().meta({ description: "The outside system it talks to.", example: "http" }),
  })
  .meta({ id: "NodeType", description: "One kind of node with the JSON Schemas of its parameters and its output." });

export const nodeTypeRoutes = {
  listNodeTypes: defineRoute({
    operationId: "listNodeTypes",
    method: "get",
    path: "/v1/node-types",
    tag,
    summary: "List the node types",
    description: "The catalog: every type that graphs can use, by name.",
    scope: "authenticated",
    subject: "caller",
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of node types.", body: pageOf(nodeTypeSchema) } },
    problems: [],
  }),
  getNodeType: defineRoute({
    operationId: "getNodeType",
    method: "get",
    path: "/v1/node-types/{type}",
    tag,
    summary: "Read a node type",
    description: "With the JSON Schemas of its parameters and its output.",
    scope: "authenticated",
    subject: "caller",
    params: z.strictObject({ type: z.string().regex(/^[a-z][a-zA-Z0-9.-]{0,63}$/).meta({ description: "The type.", example: "http.request" }) }),
    responses: { 200: { description: "The node type.", body: nodeTypeSchema } },
    problems: ["NOT_FOUND"],
  }),
  getOpenApi: defineRoute({
    operationId: "getOpenApi",
    method: "get",
    path: "/openapi.json",
    tag: "Service",
    summary: "Read this document",
    description: "The OpenAPI 3.1 document of the admin API, generated from the schemas that validate requests.",
    scope: "public",
    subject: "none",
    responses: { 200: { description: "The document.", body: z.record(z.string(), jsonValueSchema("A part of the document.")) } },
    problems: [],
  }),
} as const;
