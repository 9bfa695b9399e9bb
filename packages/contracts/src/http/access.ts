import { z } from "zod";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { scopeSchema, TENANT_SCOPES, tenantScopeSchema } from "./scopes.ts";

const tag = "Access";

const actorSchema = z
  .strictObject({
    kind: z.enum(["apiKey", "member"]).meta({ description: "An API key, or a person.", example: "apiKey" }),
    id: idSchema("The id of the key or the member."),
  })
  .meta({ id: "Actor", description: "Who does something." });

const meSchema = z
  .strictObject({
    actor: actorSchema,
    agency: z
      .strictObject({ id: idSchema("The agency."), name: z.string().nullable().meta({ description: "Its name; null for the key of a tenant.", example: "Northwind Digital" }) })
      .nullable()
      .meta({ description: "The agency that the caller belongs to; null for the operator." }),
    tenant: z
      .strictObject({ id: idSchema("The tenant."), name: z.string().meta({ description: "Its name.", example: "Blue Bakery" }) })
      .nullable()
      .meta({ description: "The only tenant that the caller reaches; null when there are several." }),
    tenantIds: z.array(idSchema("A tenant.")).nullable().meta({ description: "The tenants that the caller is bound to; null when it is bound to none." }),
    scopes: z.array(scopeSchema).meta({ description: "What the caller may do." }),
    expiresAt: instantSchema("When the key or the session ends.").nullable(),
  })
  .meta({ id: "Me", description: "Who calls, and what the caller may do." });

export const apiKeySchema = z
  .strictObject({
    id: idSchema("The key's id."),
    name: nameSchema("What it is for.", "Website"),
    prefix: z.string().meta({ description: "The beginning of the key, to recognize it by.", example: "flx_0197a1b27c3d7e4f8a5b6c7d8e9f0a1b" }),
    scopes: z.array(scopeSchema).meta({ description: "What the key may do." }),
    createdAt: instantSchema("When it was created."),
    expiresAt: instantSchema("When it ends.").nullable(),
    revokedAt: instantSchema("When it was revoked.").nullable(),
  })
  .meta({ id: "ApiKey", description: "An API key of a tenant, without its secret." });

const tenantParams = z.strictObject({ tenantId: idSchema("The tenant.") });
const notShownAgain = "The key itself is in this answer only; Fluxo stores a hash.";

export const accessRoutes = {
  getMe: defineRoute({
    operationId: "getMe",
    method: "get",
    path: "/v1/me",
    tag,
    summary: "Who calls",
    description: "Tells who calls, what the caller reaches and what it may do there.",
    scope: "authenticated",
    subject: "caller",
    responses: { 200: { description: "The caller.", body: meSchema } },
    problems: [],
  }),
  listApiKeys: defineRoute({
    operationId: "listApiKeys",
    method: "get",
    path: "/v1/tenants/{tenantId}/api-keys",
    tag,
    summary: "List the API keys of a tenant",
    description: "Newest first, also those that ended or were revoked. Secrets are never shown again.",
    scope: "keys:read",
    subject: "agency",
    params: tenantParams,
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of keys.", body: pageOf(apiKeySchema) } },
    problems: ["NOT_FOUND"],
  }),
  createApiKey: defineRoute({
    operationId: "createApiKey",
    method: "post",
    path: "/v1/tenants/{tenantId}/api-keys",
    tag,
    summary: "Create an API key for a tenant",
    description: `${notShownAgain} A key cannot give scopes that it does not carry itself.`,
    scope: "keys:write",
    subject: "agency",
    params: tenantParams,
    body: z
      .strictObject({
        name: nameSchema("What it is for.", "Website"),
        scopes: z
          .array(tenantScopeSchema)
          .min(1)
          .refine((scopes) => new Set(scopes).size === scopes.length, "must not repeat a scope")
          .default([...TENANT_SCOPES])
          .meta({ description: "What the key may do; absent for all that a tenant's key can.", example: ["workflows:read", "executions:write"] }),
        expiresAt: givenInstantSchema("When it ends, in the future; absent for never.").optional(),
      })
      .meta({ id: "CreateApiKey", description: "The key to be created." }),
    responses: {
      201: {
        description: "The key was created.",
        body: z
          .strictObject({ ...apiKeySchema.shape, key: z.string().meta({ description: notShownAgain, example: "flx_0197a1b27c3d7e4f8a5b6c7d8e9f0a1b_<43 characters>" }) })
          .meta({ id: "CreatedApiKey", description: "A new API key, with its secret." }),
      },
    },
    problems: ["NOT_FOUND"],
  }),
  revokeApiKey: defineRoute({
    operationId: "revokeApiKey",
    method: "delete",
    path: "/v1/tenants/{tenantId}/api-keys/{keyId}",
    tag,
    summary: "Revoke an API key of a tenant",
    description: "The key is refused from about a second later on. Revoking it again changes nothing.",
    scope: "keys:write",
    subject: "agency",
    params: z.strictObject({ tenantId: idSchema("The tenant."), keyId: idSchema("The key.") }),
    responses: { 204: { description: "The key is revoked." } },
    problems: ["NOT_FOUND"],
  }),
} as const;
