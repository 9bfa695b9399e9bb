import { z } from "zod";
import { defineRoute } from "./route.ts";
import { givenInstantSchema, idSchema, instantSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { nodeFailureSchema } from "./timeline.ts";

const failedNodeSchema = z
  .strictObject({
    executionId: idSchema("The execution."),
    workflowId: idSchema("Its workflow."),
    nodeId: z.string().meta({ description: "The node that failed.", example: "send" }),
    item: z.int().meta({ description: "The item of its loop; 0 outside of loops.", example: 0 }),
    failedAt: instantSchema("When its last attempt failed."),
    attempts: z.int().meta({ description: "How often it was tried.", example: 3 }),
    failure: nodeFailureSchema,
  })
  .meta({ id: "FailedNode", description: "A node that failed for good in an execution." });

export const failureRoutes = {
  listFailures: defineRoute({
    operationId: "listFailures",
    method: "get",
    path: "/v1/failures",
    tag: "Executions",
    summary: "List nodes that failed",
    description: "From the journal, latest first: nodes whose last attempt failed, also in executions that went on without them. Nodes that a rerun took over from the execution that it repeats are not listed twice.",
    scope: "executions:read",
    subject: "tenant",
    query: z.strictObject({
      ...pageQueryShape,
      nodeType: z.string().regex(/^[a-z][a-zA-Z0-9.-]{0,63}$/).optional().meta({ description: "Of this type.", example: "http.request" }),
      integration: z.string().regex(/^[a-z0-9.-]{1,64}$/).optional().meta({ description: "That talk to this outside system.", example: "http" }),
      code: z.string().regex(/^[A-Z_]{1,64}$/).optional().meta({ description: "With this code.", example: "PROVIDER_REJECTED" }),
      workflowId: idSchema("Of this workflow.").optional(),
      from: givenInstantSchema("Failed at this instant or later.").optional(),
      to: givenInstantSchema("Failed before this instant.").optional(),
    }),
    responses: { 200: { description: "One page of failures.", body: pageOf(failedNodeSchema) } },
    problems: [],
  }),
} as const;
