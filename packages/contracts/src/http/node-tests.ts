import { nodeIdSchema } from "@fluxo/core/graph/graph";
import { z } from "zod";
import { nodeTestResultSchema } from "../channels/node-test.ts";
import { defineRoute } from "./route.ts";
import { idSchema } from "./scalars.ts";

const tag = "Node tests";

const workflowId = idSchema("The workflow.");

/** Bytes of JSON that the pins of a workflow may have together. */
export const PINS_BYTES_MAX = 1_048_576;

const pinnedSchema = z.record(nodeIdSchema, z.json()).meta({ description: "Outputs by node id.", example: { fetch: { status: 200, body: { total: 7 } } } });

const pinsSchema = z.strictObject({ pins: pinnedSchema }).meta({ id: "Pins", description: "Outputs that stand for nodes of the draft when another one is tested. No part of any version." });

export const nodeTestRoutes = {
  testNode: defineRoute({
    operationId: "testNode",
    method: "post",
    path: "/v1/workflows/{workflowId}/nodes/{nodeId}/test",
    tag,
    summary: "Run one node of the draft",
    description:
      "Runs the node as the draft has it, once, with the pinned outputs of the nodes before it, and answers what it did. What acts outside does act. It is no execution and counts against no quota; a tenant may make 30 in a minute. A test takes 30 s at most. Files cannot be made, and nothing is remembered.",
    scope: "workflows:write",
    subject: "tenant",
    params: z.strictObject({ workflowId, nodeId: nodeIdSchema.meta({ description: "The node.", example: "greet" }) }),
    body: z
      .strictObject({
        pinned: pinnedSchema.optional(),
        trigger: z.record(z.string(), z.json()).optional().meta({ description: "The trigger's payload; the pinned output of a trigger, or an empty object when absent.", example: { customer: "Ada" } }),
        item: z.json().optional().meta({ description: "In the body of a loop: the element that it is run with." }),
      })
      .optional()
      .meta({ id: "TestNode", description: "What the node is run with, over the pins that are saved." }),
    repeatable: "It looks anew each time.",
    unaudited: "It runs a draft and changes nothing of it.",
    responses: { 200: { description: "What the node did.", body: nodeTestResultSchema } },
    problems: ["NOT_FOUND", "GRAPH_INVALID", "NODE_NOT_IN_PLAN", "TENANT_SUSPENDED", "STATE_CONFLICT", "BODY_TOO_LARGE", "RATE_LIMITED", "UNAVAILABLE"],
  }),
  getPins: defineRoute({
    operationId: "getPins",
    method: "get",
    path: "/v1/workflows/{workflowId}/pins",
    tag,
    summary: "Read the pinned outputs",
    description: "What stands for the nodes of the draft when another one is tested.",
    scope: "workflows:read",
    subject: "tenant",
    params: z.strictObject({ workflowId }),
    responses: { 200: { description: "The pins.", body: pinsSchema } },
    problems: ["NOT_FOUND"],
  }),
  replacePins: defineRoute({
    operationId: "replacePins",
    method: "put",
    path: "/v1/workflows/{workflowId}/pins",
    tag,
    summary: "Save the pinned outputs",
    description: "All of them anew; 1 MiB together. Executions never see them.",
    scope: "workflows:write",
    subject: "tenant",
    params: z.strictObject({ workflowId }),
    body: pinsSchema,
    responses: { 200: { description: "The pins.", body: pinsSchema } },
    problems: ["NOT_FOUND", "BODY_TOO_LARGE", "WORKFLOW_ARCHIVED"],
  }),
} as const;
