import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, isParkedSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Off-boarding";

const statusSchema = z
  .enum(["STOPPING", "EXPORTING", "READY", "ACKNOWLEDGED", "ERASING", "ERASED", "ABORTED"])
  .meta({ description: "What happens now: what runs is stopped, the archive is made, it waits to be taken, it was taken, everything is erased; then ERASED or ABORTED for ever.", example: "READY" });

const doerSchema = z
  .strictObject({ kind: z.string().meta({ description: "What acted.", example: "apiKey" }), id: idSchema("Its id.") })
  .meta({ id: "OffBoardingActor", description: "Who asked for it." });

const sha256Schema = (description: string) => z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hex").meta({ description, example: "da3152119ef28a21089021b756b92abbb7726aef2b831f195fb9b19e2089cf9c" });
const countSchema = (description: string) => z.int().meta({ description, example: 1_204 });

const offBoardingShape = {
  id: idSchema("The off-boarding's id."),
  tenantId: idSchema("The tenant; after its erasure nothing else has this id."),
  status: statusSchema,
  isParked: isParkedSchema,
  requestedAt: instantSchema("When it was begun."),
  requestedBy: doerSchema,
  waitsFor: z
    .strictObject({
      what: z
        .enum(["EXECUTIONS", "TRANSACTIONS", "USAGE"])
        .meta({ description: "Executions that have not ended, database transactions that began before the off-boarding, or usage that is not in the sums yet.", example: "EXECUTIONS" }),
      count: z.int().meta({ description: "How many there are, 1,000 standing for all above it.", example: 2 }),
      since: instantSchema("Since when it waits for that."),
    })
    .nullable()
    .meta({ description: "While it is STOPPING, what the archive waits for; null for nothing." }),
  archivesDiscarded: z.int().meta({ description: "Archives that were given up before the erasure, because rows were found that were not in them. The next one has to be taken anew.", example: 0 }),
  archive: z
    .strictObject({ readyAt: instantSchema("When it was complete."), sha256: sha256Schema("Of the whole file."), bytes: countSchema("Its size.") })
    .nullable()
    .meta({ description: "The archive; null before it is complete. It is deleted with the erasure." }),
  acknowledgement: z.strictObject({ at: instantSchema("When."), by: doerSchema }).nullable().meta({ description: "Who confirmed to have the archive." }),
  erasure: z
    .strictObject({
      requestedAt: instantSchema("When it was asked for."),
      requestedBy: doerSchema,
      keysDestroyedAt: instantSchema("When the tenant's data keys were destroyed: from then on none of its secrets can be opened.").nullable(),
      redisKeysDeleted: countSchema("Keys deleted in Redis.").nullable(),
      externalIdHash: sha256Schema("SHA-256 of the external id, by which the agency recognizes the tenant; null when it had none.").nullable(),
    })
    .nullable()
    .meta({ description: "The erasure; null before it is asked for." }),
  completedAt: instantSchema("When it was over.").nullable(),
};

const offBoardingSummarySchema = z.strictObject(offBoardingShape).meta({ id: "OffBoardingSummary", description: "The end of a tenant." });

const offBoardingSchema = z
  .strictObject({
    ...offBoardingShape,
    tables: z
      .array(
        z.strictObject({
          name: z.string().meta({ description: "The table.", example: "executions" }),
          note: z.string().nullable().meta({ description: "Why its rows are not archived, or not erased.", example: null }),
          rowsArchived: countSchema("Rows in the archive."),
          rowsBefore: countSchema("Rows of the tenant before the erasure.").nullable(),
          rowsDeleted: countSchema("Rows erased."),
          rowsLeft: countSchema("Rows of the tenant counted afterwards.").nullable(),
        }),
      )
      .meta({ description: "Table by table, in the order of the erasure: every table that holds rows of tenants." }),
  })
  .meta({ id: "OffBoarding", description: "The end of a tenant. Once ERASED it is the certificate of the erasure." });

const params = z.strictObject({ offBoardingId: idSchema("The off-boarding.") });

export const offBoardingRoutes = {
  beginOffBoarding: defineRoute({
    operationId: "beginOffBoarding",
    method: "post",
    path: "/v1/tenants/{tenantId}/off-boarding",
    tag,
    summary: "Begin to off-board a tenant",
    description:
      "From now on nothing starts for the tenant, hooks answer 404, and it can be read only. What runs is canceled, then an archive of everything is made. Nothing is erased before the archive was acknowledged and the erasure confirmed.",
    scope: "tenants:write",
    subject: "agency",
    params: z.strictObject({ tenantId: idSchema("The tenant.") }),
    responses: { 202: { description: "The off-boarding was begun.", body: offBoardingSummarySchema, headers: { Location: "The path of the off-boarding." } } },
    problems: ["NOT_FOUND", "TENANT_OFFBOARDING"],
  }),
  listOffBoardings: defineRoute({
    operationId: "listOffBoardings",
    method: "get",
    path: "/v1/off-boardings",
    tag,
    summary: "List off-boardings",
    description: "Newest first; also those that are over.",
    scope: "tenants:read",
    subject: "agency",
    query: z.strictObject({ ...pageQueryShape, tenantId: idSchema("Only of this tenant, which may be erased.").optional() }),
    responses: { 200: { description: "One page of off-boardings.", body: pageOf(offBoardingSummarySchema) } },
    problems: [],
  }),
  getOffBoarding: defineRoute({
    operationId: "getOffBoarding",
    method: "get",
    path: "/v1/off-boardings/{offBoardingId}",
    tag,
    summary: "Read an off-boarding",
    description: "Its progress, table by table; once it is ERASED, the certificate.",
    scope: "tenants:read",
    subject: "agency",
    params,
    responses: { 200: { description: "The off-boarding.", body: offBoardingSchema } },
    problems: ["NOT_FOUND"],
  }),
  getOffBoardingArchive: defineRoute({
    operationId: "getOffBoardingArchive",
    method: "get",
    path: "/v1/off-boardings/{offBoardingId}/archive",
    tag,
    summary: "Download the archive of a tenant",
    description: "A .tar.gz with a folder of NDJSON files per table, tenant.json, and contents.json with the SHA-256 of each file. It holds no secrets: of credentials there is everything else.",
    scope: "tenants:write",
    subject: "agency",
    params,
    responses: {
      200: { description: "The archive.", content: "A gzip-compressed tar.", headers: { "Content-Disposition": "The file's name.", "Repr-Digest": "The SHA-256 of the file (RFC 9530).", ETag: "The same in hex." } },
    },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  acknowledgeOffBoardingArchive: defineRoute({
    operationId: "acknowledgeOffBoardingArchive",
    method: "post",
    path: "/v1/off-boardings/{offBoardingId}/acknowledgement",
    tag,
    summary: "Confirm to have the archive",
    description: "With the SHA-256 of the file as it arrived. Only afterwards the tenant can be erased.",
    scope: "tenants:write",
    subject: "agency",
    params,
    body: z.strictObject({ archiveSha256: sha256Schema("SHA-256 of the downloaded file, hex.") }).meta({ id: "AcknowledgeArchive", description: "What was downloaded." }),
    responses: { 200: { description: "The off-boarding.", body: offBoardingSummarySchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  eraseTenant: defineRoute({
    operationId: "eraseTenant",
    method: "post",
    path: "/v1/off-boardings/{offBoardingId}/erasure",
    tag,
    summary: "Erase a tenant",
    description: "For ever, and its archive with it. The tenant's data keys are destroyed first, then every row of every table, the keys in Redis, and the tenant. Backups are the operator's, and out of reach.",
    scope: "tenants:write",
    subject: "agency",
    params,
    body: z.strictObject({ tenantName: nameSchema("The name of the tenant, to be sure.", "Blue Bakery") }).meta({ id: "EraseTenant", description: "Which tenant is meant." }),
    responses: { 202: { description: "The erasure has begun.", body: offBoardingSummarySchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
  abortOffBoarding: defineRoute({
    operationId: "abortOffBoarding",
    method: "post",
    path: "/v1/off-boardings/{offBoardingId}/abort",
    tag,
    summary: "Give an off-boarding up",
    description: "Before the erasure only. The tenant is suspended then, with its triggers as they were; what was canceled stays canceled. The archive is deleted.",
    scope: "tenants:write",
    subject: "agency",
    params,
    responses: { 200: { description: "The off-boarding.", body: offBoardingSummarySchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
} as const;
