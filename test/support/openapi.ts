import { z } from "zod";

const text = z.string().min(1);
const jsonSchema = z.record(z.string(), z.unknown()).or(z.boolean());
const reference = z.strictObject({ $ref: z.string().startsWith("#/"), summary: text.optional(), description: text.optional() });

/** An object with these fields, specification extensions, and nothing else. */
function objectOf<S extends z.ZodRawShape>(shape: S) {
  return z.looseObject(shape).superRefine((value, context) => {
    const keys = Object.keys(value).filter((key) => !Object.hasOwn(shape, key) && !key.startsWith("x-"));
    if (keys.length > 0) context.addIssue({ code: "unrecognized_keys", keys, input: value });
  });
}

const example = objectOf({ summary: text.optional(), description: text.optional(), value: z.unknown().optional(), externalValue: text.optional() });
const mediaType = objectOf({ schema: jsonSchema.optional(), example: z.unknown().optional(), examples: z.record(z.string(), example.or(reference)).optional(), encoding: z.unknown().optional() });
const header = objectOf({ description: text.optional(), required: z.boolean().optional(), deprecated: z.boolean().optional(), schema: jsonSchema.optional(), style: z.literal("simple").optional(), explode: z.boolean().optional(), example: z.unknown().optional(), examples: z.unknown().optional() });
const parameter = objectOf({
  name: text,
  in: z.enum(["query", "header", "path", "cookie"]),
  description: text.optional(),
  required: z.boolean().optional(),
  deprecated: z.boolean().optional(),
  allowEmptyValue: z.boolean().optional(),
  style: text.optional(),
  explode: z.boolean().optional(),
  allowReserved: z.boolean().optional(),
  schema: jsonSchema,
  example: z.unknown().optional(),
  examples: z.unknown().optional(),
});
const response = objectOf({ description: z.string(), headers: z.record(z.string(), header.or(reference)).optional(), content: z.record(z.string(), mediaType).optional(), links: z.unknown().optional() });
const requestBody = objectOf({ description: text.optional(), content: z.record(z.string(), mediaType), required: z.boolean().optional() });
const security = z.array(z.record(z.string(), z.array(z.string())));
const operation = objectOf({
  tags: z.array(text).optional(),
  summary: text,
  description: text.optional(),
  externalDocs: z.unknown().optional(),
  operationId: text,
  parameters: z.array(reference.or(parameter)).optional(),
  requestBody: reference.or(requestBody).optional(),
  responses: z.record(z.string().regex(/^(?:[1-5](?:\d\d|XX)|default)$/), reference.or(response)),
  callbacks: z.unknown().optional(),
  deprecated: z.boolean().optional(),
  security: security.optional(),
  servers: z.unknown().optional(),
});
const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"] as const;
const pathItem = objectOf({
  summary: text.optional(),
  description: text.optional(),
  parameters: z.array(reference.or(parameter)).optional(),
  ...(Object.fromEntries(METHODS.map((method) => [method, operation.optional()])) as Record<(typeof METHODS)[number], z.ZodOptional<typeof operation>>),
});

/** The OpenAPI 3.1 document, as https://spec.openapis.org/oas/v3.1.1 has it: the parts that this API uses, and nothing beside them. */
export const openApiSchema = objectOf({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: objectOf({ title: text, version: text, summary: text.optional(), description: text.optional(), termsOfService: text.optional(), contact: z.unknown().optional(), license: z.unknown().optional() }),
  jsonSchemaDialect: text.optional(),
  servers: z.array(objectOf({ url: text, description: text.optional(), variables: z.unknown().optional() })).optional(),
  paths: z.record(z.string().startsWith("/"), pathItem),
  components: objectOf({
    schemas: z.record(z.string().regex(/^[\w.-]+$/), jsonSchema).optional(),
    responses: z.record(z.string(), reference.or(response)).optional(),
    parameters: z.record(z.string(), reference.or(parameter)).optional(),
    examples: z.record(z.string(), reference.or(example)).optional(),
    requestBodies: z.record(z.string(), reference.or(requestBody)).optional(),
    headers: z.record(z.string(), reference.or(header)).optional(),
    securitySchemes: z
      .record(z.string(), objectOf({ type: z.enum(["apiKey", "http", "mutualTLS", "oauth2", "openIdConnect"]), description: text.optional(), scheme: text.optional(), bearerFormat: text.optional(), name: text.optional(), in: text.optional() }))
      .optional(),
  }).optional(),
  security: security.optional(),
  tags: z.array(objectOf({ name: text, description: text.optional(), externalDocs: z.unknown().optional() })).optional(),
  externalDocs: z.unknown().optional(),
});

export type OpenApi = z.output<typeof openApiSchema>;

/** Every `$ref` below a value. */
export function referencesIn(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === "$ref" && typeof inner === "string" ? [inner] : referencesIn(inner)));
}

/** What a JSON pointer of the document (`#/…`) leads to; undefined when there is nothing. */
export function resolveReference(document: unknown, reference: string): unknown {
  const path = reference.split("/").slice(1).map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
  return path.reduce<unknown>((value, key) => (typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined), document);
}

/** A value of the document with what its references lead to in their places, but for those to schemas, which may contain themselves. */
export function dereferenced<T>(document: unknown, value: T): T {
  return JSON.parse(JSON.stringify(value), (_key, inner: unknown) => {
    const [reference] = referencesIn(typeof inner === "object" && inner !== null && "$ref" in inner ? { $ref: inner.$ref } : undefined);
    return reference === undefined || reference.startsWith("#/components/schemas/") ? inner : dereferenced(document, resolveReference(document, reference));
  }) as T;
}
