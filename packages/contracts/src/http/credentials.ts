import { CREDENTIAL_KIND_NAMES } from "@fluxo/core/credentials/kinds";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { flagSchema, givenInstantSchema, idSchema, instantSchema, jsonValueSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Credentials";

const kindSchema = z.enum(CREDENTIAL_KIND_NAMES).meta({ description: "What it is for; GET /v1/credential-kinds tells the fields of each.", example: "bearer" });
const nameField = nameSchema("Its name, unique in the tenant.", "Shop API");

export const credentialSchema = z
  .strictObject({
    id: idSchema("The credential's id: what nodes name it by."),
    name: nameField,
    kind: kindSchema,
    revision: z.int().meta({ description: "Raised by every change; also the entity tag.", example: 2 }),
    fields: z.record(z.string(), jsonValueSchema("A field.")).meta({ description: "The fields that are no secrets.", example: { hosts: ["api.example.com"] } }),
    secrets: z.array(z.string()).meta({ description: "The names of the secret fields that are set. Their values are never shown.", example: ["token"] }),
    health: z
      .strictObject({
        state: z.enum(["UNKNOWN", "HEALTHY", "BROKEN"]).meta({ description: "BROKEN: the other side refused it. An OAuth2 credential is not used again until it is changed or tests well.", example: "HEALTHY" }),
        message: z.string().nullable().meta({ description: "Why it is broken.", example: null }),
        checkedAt: instantSchema("When that was found out.").nullable(),
      })
      .meta({ description: "What is known of it." }),
    expiresAt: instantSchema("When the secret ends, as its owner said.").nullable(),
    lastUsedAt: instantSchema("When a node opened it last, to within a minute.").nullable(),
    createdAt: instantSchema("When it was created."),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "Credential", description: "What the tenant proves itself with elsewhere, without its secrets." });

const usageSchema = z
  .strictObject({
    workflowId: idSchema("The workflow."),
    workflowName: z.string().meta({ description: "Its name.", example: "Welcome new customers" }),
    state: z.enum(["published", "draft"]).meta({ description: "Whether the published version or the draft uses it.", example: "published" }),
    nodeId: z.string().meta({ description: "The node.", example: "call" }),
    nodeName: z.string().nullable().meta({ description: "Its name for people.", example: "Call the shop" }),
    nodeType: z.string().meta({ description: "Its type.", example: "http.request" }),
    param: z.string().meta({ description: "The parameter that names the credential.", example: "credential" }),
  })
  .meta({ id: "CredentialUsage", description: "A node that uses a credential." });

const testSchema = z
  .strictObject({
    ok: z.boolean().meta({ description: "Whether the other side took it.", example: true }),
    code: z.string().nullable().meta({ description: "The stable code of what went wrong; UNSUPPORTED for a kind that cannot be tested.", example: null }),
    message: z.string().meta({ description: "What happened, for people.", example: "The provider gave an access token." }),
    durationMs: z.int().meta({ description: "How long it took.", example: 180 }),
  })
  .meta({ id: "CredentialTest", description: "The outcome of a test." });

const kindDescriptionSchema = z
  .strictObject({
    kind: kindSchema,
    isTestable: z.boolean().meta({ description: "Whether POST …/test can try it.", example: true }),
    fields: z.record(z.string(), jsonValueSchema("A part of the schema.")).meta({ description: "The JSON Schema of its fields; secrets have `writeOnly`." }),
  })
  .meta({ id: "CredentialKind", description: "One kind of credential." });

const params = z.strictObject({ credentialId: idSchema("The credential.") });
const entityTag = { ETag: "The revision of the credential, in quotes." };
const expiresAt = givenInstantSchema("When the secret ends, as you know it: only a notice.");

export const credentialRoutes = {
  listCredentialKinds: defineRoute({
    operationId: "listCredentialKinds",
    method: "get",
    path: "/v1/credential-kinds",
    tag,
    summary: "List the kinds of credentials",
    description: "All of them, with the JSON Schemas of their fields.",
    scope: "authenticated",
    subject: "caller",
    responses: { 200: { description: "The kinds.", body: z.strictObject({ data: z.array(kindDescriptionSchema).meta({ description: "The kinds." }) }) } },
    problems: [],
  }),
  listCredentials: defineRoute({
    operationId: "listCredentials",
    method: "get",
    path: "/v1/credentials",
    tag,
    summary: "List the credentials",
    description: "Newest first, without secrets.",
    scope: "credentials:read",
    subject: "tenant",
    query: z.strictObject({
      ...pageQueryShape,
      kind: kindSchema.optional(),
      expiresBefore: givenInstantSchema("Only those that end before this instant, also those that ended already.").optional(),
    }),
    responses: { 200: { description: "One page of credentials.", body: pageOf(credentialSchema) } },
    problems: [],
  }),
  createCredential: defineRoute({
    operationId: "createCredential",
    method: "post",
    path: "/v1/credentials",
    tag,
    summary: "Create a credential",
    description: "Its secret fields are sealed for this tenant and never shown again. A node opens it once a version that names it is published, and only for the hosts that it is bound to.",
    scope: "credentials:write",
    subject: "tenant",
    body: z
      .strictObject({
        name: nameField,
        kind: kindSchema,
        fields: z.record(z.string(), z.json()).meta({ description: "The fields of the kind, secrets included.", example: { hosts: ["api.example.com"], token: "<token>" } }),
        expiresAt: expiresAt.optional(),
      })
      .meta({ id: "CreateCredential", description: "The credential to be created." }),
    responses: { 201: { description: "The credential was created.", body: credentialSchema, headers: { Location: "The path of the credential.", ...entityTag } } },
    problems: ["NAME_TAKEN"],
  }),
  getCredential: defineRoute({
    operationId: "getCredential",
    method: "get",
    path: "/v1/credentials/{credentialId}",
    tag,
    summary: "Read a credential",
    description: "Without its secrets; it tells which of them are set.",
    scope: "credentials:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The credential.", body: credentialSchema, headers: entityTag } },
    problems: ["NOT_FOUND"],
  }),
  updateCredential: defineRoute({
    operationId: "updateCredential",
    method: "patch",
    path: "/v1/credentials/{credentialId}",
    tag,
    summary: "Change a credential",
    description:
      "Absent fields stay as they are, secrets among them; null removes an optional one. With If-Match, only when the credential still has that revision. " +
      "A change of where the secret goes (more hosts, another server or token endpoint) takes the secrets anew.",
    scope: "credentials:write",
    subject: "tenant",
    params,
    headers: z.object({
      "If-Match": z
        .string()
        .regex(/^(?:\*|(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*)$/, "must be an entity tag in quotes")
        .max(1_000)
        .optional()
        .meta({ description: "The entity tag that the credential must still have.", example: '"2"' }),
    }),
    body: z
      .strictObject({
        name: nameField.optional(),
        fields: z.record(z.string(), z.json()).optional().meta({ description: "The fields to be changed.", example: { token: "<new token>" } }),
        expiresAt: expiresAt.nullable().optional(),
      })
      .meta({ id: "UpdateCredential", description: "What is to be changed." }),
    responses: { 200: { description: "The credential after the change.", body: credentialSchema, headers: entityTag } },
    problems: ["NOT_FOUND", "NAME_TAKEN", "PRECONDITION_FAILED"],
  }),
  deleteCredential: defineRoute({
    operationId: "deleteCredential",
    method: "delete",
    path: "/v1/credentials/{credentialId}",
    tag,
    summary: "Delete a credential",
    description: "Refused while a published version or a draft uses it; `issues` lists where. With `force` it goes all the same, and nodes that use it fail with CREDENTIAL_NOT_FOUND.",
    scope: "credentials:write",
    subject: "tenant",
    params,
    query: z.strictObject({ force: flagSchema("Also while it is used.").optional() }),
    responses: { 204: { description: "The credential is gone, with its secrets." } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  listCredentialUsages: defineRoute({
    operationId: "listCredentialUsages",
    method: "get",
    path: "/v1/credentials/{credentialId}/usages",
    tag,
    summary: "List where a credential is used",
    description: "Every node of a published version or a draft that names it, by the name of the workflow.",
    scope: "credentials:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "All usages.", body: z.strictObject({ data: z.array(usageSchema).meta({ description: "The usages." }) }) } },
    problems: ["NOT_FOUND"],
  }),
  testCredential: defineRoute({
    operationId: "testCredential",
    method: "post",
    path: "/v1/credentials/{credentialId}/test",
    tag,
    summary: "Test a credential",
    description: "Connects and logs in, or asks for a new access token. A refusal by the other side is an outcome, not an error. The outcome becomes the credential's health.",
    scope: "credentials:write",
    subject: "tenant",
    params,
    repeatable: "It looks anew each time.",
    responses: { 200: { description: "The outcome.", body: testSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
