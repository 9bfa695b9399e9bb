import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { tenantScopeSchema } from "./scopes.ts";
import { tenantSchema } from "./tenants.ts";

const tag = "Provisioning";

/** What a signing key may sign with. A token that names another algorithm than its key's is refused. */
export const SIGNING_ALGORITHMS = ["RS256", "EdDSA"] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** Roles that a token may give within a tenant. */
const PROVISIONED_ROLES = ["builder", "viewer", "reviewer"] as const;

const algorithmSchema = z.enum(SIGNING_ALGORITHMS).meta({ description: "The only algorithm that is accepted of this key.", example: "EdDSA" });
const jwksUrlSchema = z.url({ protocol: /^https$/ }).max(2_000).meta({ description: "Where the agency publishes its keys as a JWK Set; HTTPS.", example: "https://crm.example.com/.well-known/jwks.json" });
const publicKeySchema = z
  .string()
  .max(10_000)
  .regex(/^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/, "must be a public key in PEM (SPKI)")
  .meta({ description: "A public key in PEM (SPKI). The id of the signing key is the `kid` of its tokens.", example: "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA…\n-----END PUBLIC KEY-----\n" });

const signingKeySchema = z
  .strictObject({
    id: idSchema("The signing key's id; the `kid` of tokens signed with a registered public key."),
    name: nameSchema("What it is for.", "CRM"),
    algorithm: algorithmSchema,
    publicKey: publicKeySchema.nullable(),
    jwksUrl: jwksUrlSchema.nullable(),
    createdAt: instantSchema("When it was registered."),
    revokedAt: instantSchema("When it was revoked.").nullable(),
    lastUsedAt: instantSchema("When a token of it was exchanged last.").nullable(),
  })
  .meta({ id: "SigningKey", description: "What the agency's own systems sign provisioning tokens with." });

/** The claims of a provisioning token beside the registered ones. What else it holds means nothing. */
export const provisioningClaimsSchema = z.object({
  externalTenantId: nameSchema("The tenant's id in the agency's own systems.", "crm-4711"),
  tenantName: nameSchema("The name of a tenant that is new.", "Blue Bakery"),
  planCode: z.string().min(1).max(100).meta({ description: "The plan of a tenant that is new.", example: "STARTER" }),
  timeZone: z.string().min(1).max(64).default("UTC").meta({ description: "The time zone of a tenant that is new.", example: "Europe/Berlin" }),
  member: z
    .strictObject({
      externalUserId: nameSchema("The person's id in the agency's own systems.", "user-7"),
      email: z.email().max(254).toLowerCase().optional().meta({ description: "Its e-mail address.", example: "ada@example.com" }),
      role: z.enum(PROVISIONED_ROLES).meta({ description: "What it may do in the tenant.", example: "builder" }),
    })
    .optional()
    .meta({ description: "Who asks; absent for a system, which gets everything that a tenant's key can." }),
});
export type ProvisioningClaims = z.output<typeof provisioningClaimsSchema>;
export type ProvisionedRole = (typeof PROVISIONED_ROLES)[number];

const keyParams = z.strictObject({ signingKeyId: idSchema("The signing key.") });

export const provisioningRoutes = {
  listSigningKeys: defineRoute({
    operationId: "listSigningKeys",
    method: "get",
    path: "/v1/agency/signing-keys",
    tag,
    summary: "List the signing keys",
    description: "Newest first, also the revoked ones.",
    scope: "keys:read",
    subject: "agency",
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of signing keys.", body: pageOf(signingKeySchema) } },
    problems: [],
  }),
  createSigningKey: defineRoute({
    operationId: "createSigningKey",
    method: "post",
    path: "/v1/agency/signing-keys",
    tag,
    summary: "Register a signing key",
    description: "Either a public key or the address of a JWK Set, which is fetched now to see whether it holds a key of the algorithm. RSA keys need 2,048 bits at least; at most ten are active.",
    scope: "keys:write",
    subject: "agency",
    body: z
      .strictObject({ name: nameSchema("What it is for.", "CRM"), algorithm: algorithmSchema, publicKey: publicKeySchema.optional(), jwksUrl: jwksUrlSchema.optional() })
      .refine(({ publicKey, jwksUrl }) => (publicKey === undefined) !== (jwksUrl === undefined), "needs either publicKey or jwksUrl")
      .meta({ id: "CreateSigningKey", description: "The key to be registered." }),
    responses: { 201: { description: "The signing key was registered.", body: signingKeySchema } },
    problems: ["STATE_CONFLICT"],
  }),
  getSigningKey: defineRoute({
    operationId: "getSigningKey",
    method: "get",
    path: "/v1/agency/signing-keys/{signingKeyId}",
    tag,
    summary: "Read a signing key",
    description: "One of the agency's signing keys, also a revoked one. Its entity tag says nothing of its last use.",
    scope: "keys:read",
    subject: "agency",
    params: keyParams,
    responses: { 200: { description: "The signing key.", body: signingKeySchema } },
    problems: ["NOT_FOUND"],
  }),
  revokeSigningKey: defineRoute({
    operationId: "revokeSigningKey",
    method: "delete",
    path: "/v1/agency/signing-keys/{signingKeyId}",
    tag,
    summary: "Revoke a signing key",
    description: "Tokens signed with it are refused from now on. Access that was given for its tokens goes on until it expires. Revoking it again changes nothing.",
    scope: "keys:write",
    subject: "agency",
    params: keyParams,
    responses: { 204: { description: "The signing key is revoked." } },
    problems: ["NOT_FOUND"],
  }),
  exchangeProvisioningToken: defineRoute({
    operationId: "exchangeProvisioningToken",
    repeatable: "A token is taken once.",
    method: "post",
    path: "/v1/provisioning/token-exchange",
    tag,
    summary: "Exchange a provisioning token",
    description:
      "A JSON Web Token that the agency's own systems signed becomes an API key of one tenant for an hour; the tenant is created when it is new, and left as it is otherwise. So is the member of the claim `member`, which takes a seat of the tenant's plan. The token is taken once and lives five minutes at most. Claims: `iss` the agency's id, `aud` `fluxo:provisioning`, `iat`, `exp`, `jti`, `externalTenantId`, `tenantName`, `planCode`, and if wanted `timeZone` and `member`.",
    scope: "public",
    subject: "none",
    body: z
      .strictObject({ token: z.string().min(20).max(8_192).regex(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/, "must be a signed JSON Web Token").meta({ description: "The signed token.", example: "eyJhbGciOiJFZERTQSIsImtpZCI6Ii4uLiJ9.e30.c2lnbmF0dXJl" }) })
      .meta({ id: "ExchangeProvisioningToken", description: "The token." }),
    responses: {
      200: { description: "The tenant was known.", body: exchangedSchema(false) },
      201: { description: "The tenant was created.", body: exchangedSchema(true) },
    },
    problems: ["PROVISIONING_TOKEN_REFUSED", "MEMBER_REVOKED", "NAME_TAKEN", "SEATS_EXCEEDED", "TENANT_SUSPENDED", "TENANT_OFFBOARDING", "RATE_LIMITED", "UNAVAILABLE"],
  }),
} as const;

function exchangedSchema(isNew: boolean) {
  return z
    .strictObject({
      tenant: tenantSchema,
      isNew: z.boolean().meta({ description: "Whether the token created the tenant.", example: isNew }),
      apiKey: z.strictObject({
        id: idSchema("The key's id."),
        key: z.string().meta({ description: "The key itself; in this answer only.", example: "flx_0197a1b27c3d7e4f8a5b6c7d8e9f0a1b_<43 characters>" }),
        scopes: z.array(tenantScopeSchema).meta({ description: "What the key may do." }),
        expiresAt: instantSchema("When it ends."),
      }),
      memberId: idSchema("The member that the claim `member` is about, as whom the key acts; null without that claim.").nullable(),
    })
    .meta({ id: isNew ? "ProvisionedNew" : "Provisioned", description: "Access to the tenant of a token." });
}
