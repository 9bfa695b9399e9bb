import { z } from "zod";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { AGENCY_SCOPES, OPERATOR_SCOPES, type Scope, scopeSchema, TENANT_SCOPES, tenantScopeSchema } from "./scopes.ts";

const tag = "API keys";

export const apiKeySchema = z
  .strictObject({
    id: idSchema("The key's id."),
    name: nameSchema("What it is for.", "Website"),
    prefix: z.string().meta({ description: "The beginning of the key, to recognize it by. It stays the same when the key is rotated.", example: "flx_0197a1b27c3d7e4f8a5b6c7d8e9f0a1b" }),
    scopes: z.array(scopeSchema).meta({ description: "What the key may do." }),
    createdAt: instantSchema("When it was created."),
    expiresAt: instantSchema("When it ends.").nullable(),
    revokedAt: instantSchema("When it was revoked.").nullable(),
    rotatedAt: instantSchema("When its secret was last changed.").nullable(),
    previousUntil: instantSchema("Until when the secret from before the last rotation is accepted; null when it is not.").nullable(),
    lastUsedAt: instantSchema("When it was last used, to within a minute and some seconds.").nullable(),
    memberId: idSchema("The person that a provisioning token gave it to, as whom it acts; null for a key of nobody.").nullable(),
  })
  .meta({ id: "ApiKey", description: "An API key, without its secret." });

const notShownAgain = "The key itself is in this answer only; Fluxo stores a hash.";

export const createdApiKeySchema = z
  .strictObject({ ...apiKeySchema.shape, key: z.string().meta({ description: notShownAgain, example: "flx_0197a1b27c3d7e4f8a5b6c7d8e9f0a1b_<43 characters>" }) })
  .meta({ id: "CreatedApiKey", description: "An API key with its new secret." });

/** Overlap of two secrets when the caller names none. Seconds. */
export const OVERLAP_SECONDS = 86_400;
const OVERLAP_SECONDS_MAX = 30 * 86_400;

const rotateBody = z
  .strictObject({
    overlapSeconds: z
      .int()
      .min(0)
      .max(OVERLAP_SECONDS_MAX)
      .default(OVERLAP_SECONDS)
      .meta({ description: "How long the secret of now is accepted beside the new one; 0 ends every earlier secret at once.", example: OVERLAP_SECONDS }),
  })
  .optional()
  .meta({ id: "RotateApiKey", description: "How the secret is changed." });

const keyId = idSchema("The key.");
const ofTenant = z.strictObject({ tenantId: idSchema("The tenant.") });
const keyOfTenant = z.strictObject({ tenantId: idSchema("The tenant."), keyId });
const keyOnly = z.strictObject({ keyId });
const query = z.strictObject(pageQueryShape);

const page = { 200: { description: "One page of keys.", body: pageOf(apiKeySchema) } } as const;
const one = { 200: { description: "The key.", body: apiKeySchema } } as const;
const created = { 201: { description: "The key was created.", body: createdApiKeySchema } } as const;
const rotated = { 200: { description: "The key has a new secret.", body: createdApiKeySchema } } as const;
const revoked = { 204: { description: "The key is revoked." } } as const;

const listText = "Newest first, also those that ended or were revoked. Secrets are never shown again.";
const getText = "Without its secret. Its entity tag says nothing of its last use.";
const createText = `${notShownAgain} A caller cannot give scopes that it does not have itself.`;
const rotateText = `Gives the key a new secret. The one of now is accepted until the overlap ends, so that callers can be moved over; two are live at most: while an older one is, only a rotation without overlap is taken. ${notShownAgain}`;
const revokeText = "The key is refused within a second, by every process. Revoking it again changes nothing.";

function newKey<const S extends readonly [Scope, ...Scope[]]>(scope: z.ZodType<S[number]>, all: S) {
  return z.strictObject({
    name: nameSchema("What it is for.", "Website"),
    scopes: z
      .array(scope)
      .min(1)
      .refine((scopes) => new Set(scopes).size === scopes.length, "must not repeat a scope")
      .default([...all])
      .meta({ description: "What the key may do; absent for everything that such a key can.", example: [all[0]] }),
    expiresAt: givenInstantSchema("When it ends, in the future; absent for never.").optional(),
  });
}

const agencyScopeSchema = z.enum(AGENCY_SCOPES).meta({ description: "What the key of an agency may do.", example: "tenants:read" });
const operatorScopeSchema = z.enum(OPERATOR_SCOPES).meta({ description: "What the key of the operator may do.", example: "agencies:read" });

const ofTenants = {
  listApiKeys: defineRoute({ operationId: "listApiKeys", method: "get", path: "/v1/tenants/{tenantId}/api-keys", tag, summary: "List the API keys of a tenant", description: listText, scope: "keys:read", subject: "agency", params: ofTenant, query, responses: page, problems: ["NOT_FOUND"] }),
  createApiKey: defineRoute({
    operationId: "createApiKey",
    method: "post",
    path: "/v1/tenants/{tenantId}/api-keys",
    tag,
    summary: "Create an API key for a tenant",
    description: createText,
    scope: "keys:write",
    subject: "agency",
    params: ofTenant,
    body: newKey(tenantScopeSchema, TENANT_SCOPES).meta({ id: "CreateApiKey", description: "The key to be created." }),
    responses: created,
    problems: ["TENANT_OFFBOARDING", "NOT_FOUND"],
  }),
  getApiKey: defineRoute({ operationId: "getApiKey", method: "get", path: "/v1/tenants/{tenantId}/api-keys/{keyId}", tag, summary: "Read an API key of a tenant", description: getText, scope: "keys:read", subject: "agency", params: keyOfTenant, responses: one, problems: ["NOT_FOUND"] }),
  rotateApiKey: defineRoute({ operationId: "rotateApiKey", method: "post", path: "/v1/tenants/{tenantId}/api-keys/{keyId}/rotate", changes: "/v1/tenants/{tenantId}/api-keys/{keyId}", tag, summary: "Rotate an API key of a tenant", description: rotateText, scope: "keys:write", subject: "agency", params: keyOfTenant, body: rotateBody, responses: rotated, problems: ["NOT_FOUND", "STATE_CONFLICT"] }),
  revokeApiKey: defineRoute({ operationId: "revokeApiKey", method: "delete", path: "/v1/tenants/{tenantId}/api-keys/{keyId}", tag, summary: "Revoke an API key of a tenant", description: revokeText, scope: "keys:write", subject: "agency", params: keyOfTenant, responses: revoked, problems: ["NOT_FOUND"] }),
} as const;

const ofAgency = {
  listAgencyApiKeys: defineRoute({ operationId: "listAgencyApiKeys", method: "get", path: "/v1/agency/api-keys", tag, summary: "List the agency's own API keys", description: listText, scope: "keys:read", subject: "agency", query, responses: page, problems: [] }),
  createAgencyApiKey: defineRoute({
    operationId: "createAgencyApiKey",
    method: "post",
    path: "/v1/agency/api-keys",
    tag,
    summary: "Create an API key of the agency",
    description: createText,
    scope: "keys:write",
    subject: "agency",
    body: newKey(agencyScopeSchema, AGENCY_SCOPES).meta({ id: "CreateAgencyApiKey", description: "The key to be created." }),
    responses: created,
    problems: [],
  }),
  getAgencyApiKey: defineRoute({ operationId: "getAgencyApiKey", method: "get", path: "/v1/agency/api-keys/{keyId}", tag, summary: "Read an API key of the agency", description: getText, scope: "keys:read", subject: "agency", params: keyOnly, responses: one, problems: ["NOT_FOUND"] }),
  rotateAgencyApiKey: defineRoute({ operationId: "rotateAgencyApiKey", method: "post", path: "/v1/agency/api-keys/{keyId}/rotate", changes: "/v1/agency/api-keys/{keyId}", tag, summary: "Rotate an API key of the agency", description: rotateText, scope: "keys:write", subject: "agency", params: keyOnly, body: rotateBody, responses: rotated, problems: ["NOT_FOUND", "STATE_CONFLICT"] }),
  revokeAgencyApiKey: defineRoute({ operationId: "revokeAgencyApiKey", method: "delete", path: "/v1/agency/api-keys/{keyId}", tag, summary: "Revoke an API key of the agency", description: revokeText, scope: "keys:write", subject: "agency", params: keyOnly, responses: revoked, problems: ["NOT_FOUND"] }),
} as const;

const ofOperator = {
  listOperatorApiKeys: defineRoute({ operationId: "listOperatorApiKeys", method: "get", path: "/v1/operator/api-keys", tag, summary: "List the operator's API keys", description: listText, scope: "keys:read", subject: "operator", query, responses: page, problems: [] }),
  createOperatorApiKey: defineRoute({
    operationId: "createOperatorApiKey",
    method: "post",
    path: "/v1/operator/api-keys",
    tag,
    summary: "Create an API key of the operator",
    description: createText,
    scope: "keys:write",
    subject: "operator",
    body: newKey(operatorScopeSchema, OPERATOR_SCOPES).meta({ id: "CreateOperatorApiKey", description: "The key to be created." }),
    responses: created,
    problems: [],
  }),
  getOperatorApiKey: defineRoute({ operationId: "getOperatorApiKey", method: "get", path: "/v1/operator/api-keys/{keyId}", tag, summary: "Read an API key of the operator", description: getText, scope: "keys:read", subject: "operator", params: keyOnly, responses: one, problems: ["NOT_FOUND"] }),
  rotateOperatorApiKey: defineRoute({ operationId: "rotateOperatorApiKey", method: "post", path: "/v1/operator/api-keys/{keyId}/rotate", changes: "/v1/operator/api-keys/{keyId}", tag, summary: "Rotate an API key of the operator", description: rotateText, scope: "keys:write", subject: "operator", params: keyOnly, body: rotateBody, responses: rotated, problems: ["NOT_FOUND", "STATE_CONFLICT"] }),
  revokeOperatorApiKey: defineRoute({ operationId: "revokeOperatorApiKey", method: "delete", path: "/v1/operator/api-keys/{keyId}", tag, summary: "Revoke an API key of the operator", description: revokeText, scope: "keys:write", subject: "operator", params: keyOnly, responses: revoked, problems: ["NOT_FOUND"] }),
} as const;

export const apiKeyRoutes = { ...ofTenants, ...ofAgency, ...ofOperator } as const;
