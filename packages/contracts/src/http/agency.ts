import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema } from "./scalars.ts";

const tag = "Agency";

const errorWorkflowSchema = z
  .strictObject({ tenantId: idSchema("The tenant of this agency that the workflow belongs to."), workflowId: idSchema("The workflow; it needs a published trigger.error node.") })
  .nullable()
  .meta({ description: "Started when an execution of any tenant fails for which neither its workflow nor its tenant names an error workflow. It runs for the tenant that it belongs to." });

export const agencySchema = z
  .strictObject({
    id: idSchema("The agency's id."),
    name: z.string().meta({ description: "Its name.", example: "Northwind Digital" }),
    errorWorkflow: errorWorkflowSchema,
    createdAt: instantSchema("When it was created."),
  })
  .meta({ id: "Agency", description: "The customer who manages tenants." });

export const agencyRoutes = {
  getAgency: defineRoute({
    operationId: "getAgency",
    method: "get",
    path: "/v1/agency",
    tag,
    summary: "Read the agency",
    description: "The agency of the key.",
    scope: "tenants:read",
    subject: "agency",
    responses: { 200: { description: "The agency.", body: agencySchema } },
    problems: ["NOT_FOUND"],
  }),
  updateAgency: defineRoute({
    operationId: "updateAgency",
    method: "patch",
    path: "/v1/agency",
    tag,
    summary: "Change the agency",
    description: "Sets the error workflow of all tenants that have none of their own.",
    scope: "tenants:write",
    subject: "agency",
    body: z.strictObject({ errorWorkflow: errorWorkflowSchema }).meta({ id: "UpdateAgency", description: "The fields to be changed." }),
    responses: { 200: { description: "The agency after the change.", body: agencySchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
