import { z } from "zod";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, jsonValueSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Audit";

const hashSchema = (description: string) => z.string().meta({ description, example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" });
const text = (description: string, example: string) => z.string().nullable().meta({ description, example });

const entryShape = {
  seq: z.int().meta({ description: "Its place in the chain, from 1, without gaps. The order is that of the commits.", example: 4711 }),
  id: idSchema("The entry's id."),
  occurredAt: instantSchema("When it was done."),
  tenantId: idSchema("The tenant that it was about.").nullable(),
  actor: z
    .strictObject({ kind: z.string().meta({ description: "apiKey, member, signingKey (which signed a provisioning token), or person (whose sign-in was refused).", example: "apiKey" }), id: z.string().meta({ description: "The key, the member, or the subject that the identity provider named.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" }) })
    .nullable()
    .meta({ description: "Who did it; null once erased." }),
  action: z.string().meta({ description: "The id of the operation.", example: "updateWorkflow" }),
  resource: z.strictObject({
    type: z.string().meta({ description: "What kind of thing was changed.", example: "workflow" }),
    id: text("Which one; null where there is only one, and once erased.", "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"),
  }),
  before: jsonValueSchema("What was, of a change only the fields that differ. Secrets show as marks that tell whether they changed; large values as their SHA-256."),
  after: jsonValueSchema("What is since then."),
  ip: text("Where the request came from.", "203.0.113.7"),
  userAgent: text("What the caller said it is.", "curl/8.5.0"),
  requestId: text("The id of the request, as in X-Request-Id and in the log.", "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"),
  erasedAt: instantSchema("When it was reduced to its hashes, with its tenant.").nullable(),
  contentHash: hashSchema("SHA-256 of its content, hex."),
  previousHash: hashSchema("The hash of the entry before; empty before the first."),
  hash: hashSchema("SHA-256 of `previousHash:seq:contentHash`."),
};

export const auditEntrySchema = z.strictObject(entryShape).meta({ id: "AuditEntry", description: "Something that was done." });

const verificationSchema = z
  .strictObject({
    isIntact: z.boolean().meta({ description: "Whether no entry of the part that was walked is missing or changed.", example: true }),
    checked: z.int().meta({ description: "How many entries were walked.", example: 4711 }),
    broken: z
      .strictObject({
        seq: z.int().meta({ description: "The first broken place.", example: 42 }),
        fault: z.enum(["MISSING", "LINK", "HASH", "CONTENT"]).meta({ description: "The entry is gone; it does not follow the one before; its hash, or its content, was changed.", example: "CONTENT" }),
      })
      .nullable(),
    nextAfter: z.int().nullable().meta({ description: "Where to go on; null at the end of the chain, or at a fault.", example: null }),
    head: z.strictObject({ seq: z.int().meta({ description: "The last entry.", example: 4711 }), hash: hashSchema("Its hash. Keep it elsewhere: nobody can then write the whole chain anew without being found out.") }),
  })
  .meta({ id: "AuditVerification", description: "Whether the chain of the audit log is whole." });

const filterShape = {
  actorId: z.string().max(200).optional().meta({ description: "By this key, member or person.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" }),
  action: z.string().regex(/^[A-Za-z]{1,64}$/).optional().meta({ description: "This operation.", example: "updateWorkflow" }),
  resourceType: z.string().regex(/^[A-Za-z]{1,64}$/).optional().meta({ description: "About this kind of thing.", example: "workflow" }),
  resourceId: z.string().max(200).optional().meta({ description: "About this thing.", example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" }),
  tenantId: idSchema("About this tenant.").optional(),
  from: givenInstantSchema("Done at this instant or later.").optional(),
  to: givenInstantSchema("Done before this instant.").optional(),
};

const afterSchema = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).meta({ description: "Entries after this seq.", example: 0 });

export const auditRoutes = {
  listAuditEntries: defineRoute({
    operationId: "listAuditEntries",
    method: "get",
    path: "/v1/audit-entries",
    tag,
    summary: "List what was done",
    description: "Newest first. All filters given must hold. An agency sees what was done in it and with its tenants; the operator sees what it did itself.",
    scope: "audit:read",
    subject: "caller",
    query: z.strictObject({ ...pageQueryShape, ...filterShape }),
    responses: { 200: { description: "One page of entries.", body: pageOf(auditEntrySchema) } },
    problems: [],
  }),
  streamAuditEntries: defineRoute({
    operationId: "streamAuditEntries",
    method: "get",
    path: "/v1/audit-entries/events",
    tag,
    summary: "Follow the audit log",
    description:
      "Server-sent events, one `entry` per entry, within about a second of its commit. The id of an event is its seq: with Last-Event-ID, or `after`, nothing is missed and nothing comes twice. Lines that begin with a colon keep the connection open. A stream ends after 15 minutes: connect again.",
    scope: "audit:read",
    subject: "caller",
    query: z.strictObject({ after: afterSchema.optional() }),
    headers: z.object({ "Last-Event-ID": z.string().regex(/^\d{1,15}$/, "must be the id of an event").optional().meta({ description: "The id of the last event that was received.", example: "4711" }) }),
    responses: { 200: { description: "The events.", content: "text/event-stream: the entries." } },
    problems: ["RATE_LIMITED", "UNAVAILABLE"],
  }),
  exportAuditEntries: defineRoute({
    operationId: "exportAuditEntries",
    method: "get",
    path: "/v1/audit-entries/export",
    tag,
    summary: "Export the audit log",
    description: "One JSON object per line, in the order of the chain: the entry, and with `content` the exact text that its content hash covers, so that anybody can check the chain without Fluxo. The export itself is an entry.",
    scope: "audit:read",
    subject: "caller",
    isExport: true,
    query: z.strictObject({ after: afterSchema, until: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER).optional().meta({ description: "Entries up to this seq.", example: 4711 }) }),
    responses: { 200: { description: "The entries.", content: "application/x-ndjson: one entry per line." } },
    problems: [],
  }),
  verifyAuditLog: defineRoute({
    operationId: "verifyAuditLog",
    method: "get",
    path: "/v1/audit-entries/verification",
    tag,
    summary: "Check the chain of the audit log",
    description: "Walks the chain and names the first broken entry. A long chain is walked in parts, by `after`.",
    scope: "audit:read",
    subject: "caller",
    query: z.strictObject({ after: afterSchema, limit: z.coerce.number().int().min(1).max(50_000).default(50_000).meta({ description: "Entries to walk at most.", example: 50_000 }) }),
    responses: { 200: { description: "What was found.", body: verificationSchema } },
    problems: [],
  }),
} as const;
