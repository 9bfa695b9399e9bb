import { ERROR_CLASSES } from "@fluxo/core/errors/node-error";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Outages";

const hostSchema = z.string().min(1).max(300).meta({ description: "A host, with its port where that is not the scheme's own.", example: "api.example.com" });
const integrationSchema = z.string().min(1).max(100).meta({ description: "The integration of the nodes that reach for it.", example: "http" });

export const outageSchema = z
  .strictObject({
    id: idSchema("The outage's id."),
    tenantId: idSchema("The tenant."),
    status: z.enum(["open", "closed"]).meta({ description: "While it is open nodes wait instead of trying.", example: "open" }),
    kind: z.enum(["credential", "host"]).meta({ description: "What does not work: a credential, or a host that is reached without one.", example: "host" }),
    credentialId: idSchema("The credential; null for a host.").nullable(),
    host: hostSchema.nullable(),
    integration: integrationSchema,
    openedAt: instantSchema("When enough attempts had failed."),
    closedAt: instantSchema("When it ended; null while it is open.").nullable(),
    closedBy: z.enum(["PROBE", "MANUAL", "LOST"]).nullable().meta({ description: "Why it ended: a probe succeeded, somebody closed it, or the state of the breaker was lost.", example: "PROBE" }),
    nextProbeAt: instantSchema("The first attempt after this instant is a probe; null when it is closed.").nullable(),
    lastErrorClass: z.enum(ERROR_CLASSES).meta({ description: "What kind of failure was seen last.", example: "SERVER" }),
    lastErrorCode: z.string().meta({ description: "Its stable code.", example: "PROVIDER_FAILED" }),
    affectedExecutions: z.int().meta({ description: "How many executions had to wait for it.", example: 12 }),
  })
  .meta({ id: "Outage", description: "A credential or host that nodes stopped calling because too many attempts failed." });

export const outageRoutes = {
  listOutages: defineRoute({
    operationId: "listOutages",
    method: "get",
    path: "/v1/outages",
    tag,
    summary: "List integration outages",
    description: "The open ones first, the newest on top; then the others, the last one that ended on top. An agency that names no tenant gets those of all its tenants.",
    scope: "executions:read",
    subject: "tenants",
    query: z.strictObject({
      ...pageQueryShape,
      status: z.enum(["open", "closed"]).optional().meta({ description: "Only these.", example: "open" }),
      integration: integrationSchema.optional(),
      credentialId: idSchema("Only of this credential.").optional(),
      host: hostSchema.optional(),
    }),
    responses: { 200: { description: "One page of outages.", body: pageOf(outageSchema) } },
    problems: [],
  }),
  closeOutage: defineRoute({
    operationId: "closeOutage",
    method: "post",
    path: "/v1/outages/{outageId}/close",
    tag,
    summary: "Close an outage",
    description: "For when it is known to work again: nodes call it at once, and the executions that wait for it go on in their order. If it still fails, it opens again. One that is closed is answered as it is.",
    scope: "executions:write",
    subject: "tenant",
    params: z.strictObject({ outageId: idSchema("The outage.") }),
    responses: { 200: { description: "The outage.", body: outageSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
