import { agencyLimitsSchema } from "@fluxo/core/quota/agency-limits";
import { z } from "zod";
import { createdApiKeySchema } from "./api-keys.ts";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Agencies";

const agencyName = nameSchema("Its name.", "Northwind Digital");
const statusSchema = z.enum(["ACTIVE", "SUSPENDED"]).meta({ description: "The keys and members of a suspended agency are refused, and executions of its tenants are blocked, both with AGENCY_SUSPENDED.", example: "ACTIVE" });

export const managedAgencySchema = z
  .strictObject({
    id: idSchema("The agency's id."),
    name: agencyName,
    status: statusSchema,
    suspendedAt: instantSchema("When it was suspended.").nullable(),
    suspensionReason: z.string().nullable().meta({ description: "Why it is suspended, in the operator's words.", example: "Unpaid invoice" }),
    limits: agencyLimitsSchema,
    createdAt: instantSchema("When it was created."),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "ManagedAgency", description: "An agency as the operator manages it." });

const params = z.strictObject({ agencyId: idSchema("The agency.") });

export const agenciesRoutes = {
  listAgencies: defineRoute({
    operationId: "listAgencies",
    method: "get",
    path: "/v1/agencies",
    tag,
    summary: "List the agencies",
    description: "Newest first.",
    scope: "agencies:read",
    subject: "operator",
    query: z.strictObject({ ...pageQueryShape, status: statusSchema.optional() }),
    responses: { 200: { description: "One page of agencies.", body: pageOf(managedAgencySchema) } },
    problems: [],
  }),
  createAgency: defineRoute({
    operationId: "createAgency",
    method: "post",
    path: "/v1/agencies",
    tag,
    summary: "Create an agency",
    description: "Creates an agency with its first API key, which carries every scope of an agency. The key itself is in this answer only.",
    scope: "agencies:write",
    subject: "operator",
    body: z.strictObject({ name: agencyName, limits: agencyLimitsSchema.default({}) }).meta({ id: "CreateAgency", description: "The agency to be created." }),
    responses: {
      201: {
        description: "The agency was created.",
        body: z.strictObject({ ...managedAgencySchema.shape, apiKey: createdApiKeySchema }).meta({ id: "CreatedAgency", description: "A new agency with its first API key." }),
        headers: { Location: "The path of the agency." },
      },
    },
    problems: [],
  }),
  getManagedAgency: defineRoute({
    operationId: "getManagedAgency",
    method: "get",
    path: "/v1/agencies/{agencyId}",
    tag,
    summary: "Read an agency as the operator",
    description: "Its name, status and limits; nothing of its tenants.",
    scope: "agencies:read",
    subject: "operator",
    params,
    responses: { 200: { description: "The agency.", body: managedAgencySchema } },
    problems: ["NOT_FOUND"],
  }),
  updateManagedAgency: defineRoute({
    operationId: "updateManagedAgency",
    method: "patch",
    path: "/v1/agencies/{agencyId}",
    tag,
    summary: "Rename an agency, or change its limits",
    description: "Absent fields stay as they are; `limits` are replaced as a whole. Plans and tenants that are there already stay, also beyond new limits.",
    scope: "agencies:write",
    subject: "operator",
    params,
    body: z.strictObject({ name: agencyName.optional(), limits: agencyLimitsSchema.optional() }).meta({ id: "UpdateManagedAgency", description: "The fields to be changed." }),
    responses: { 200: { description: "The agency after the change.", body: managedAgencySchema } },
    problems: ["NOT_FOUND"],
  }),
  suspendAgency: defineRoute({
    operationId: "suspendAgency",
    method: "post",
    path: "/v1/agencies/{agencyId}/suspend",
    tag,
    summary: "Suspend an agency",
    description: "Its keys and members are refused within a second, and executions of its tenants that have not started are blocked with AGENCY_SUSPENDED. What runs goes on. Suspending it again changes nothing.",
    scope: "agencies:write",
    subject: "operator",
    params,
    body: z
      .strictObject({ reason: nameSchema("Why, in your words; the agency does not see it.", "Unpaid invoice").optional() })
      .optional()
      .meta({ id: "SuspendAgency", description: "Why it is suspended." }),
    responses: { 200: { description: "The agency is suspended.", body: managedAgencySchema } },
    problems: ["NOT_FOUND"],
  }),
  resumeAgency: defineRoute({
    operationId: "resumeAgency",
    method: "post",
    path: "/v1/agencies/{agencyId}/resume",
    tag,
    summary: "Resume a suspended agency",
    description: "Its keys and members are taken again, and its tenants' executions start again. What was blocked meanwhile stays blocked; it can be rerun.",
    scope: "agencies:write",
    subject: "operator",
    params,
    responses: { 200: { description: "The agency is active.", body: managedAgencySchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
