import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, jsonValueSchema, pageOf, pageQueryShape } from "./scalars.ts";

const tag = "Triggers";

const shownOnce = "The secret that callers must use, in this answer only. Standard Webhooks secrets start with whsec_.";

const triggerShape = {
  id: idSchema("The trigger's id; stays over versions."),
  nodeId: z.string().meta({ description: "The trigger node of the graph.", example: "start" }),
  kind: z.string().meta({ description: "What it watches.", example: "webhook" }),
  isEnabled: z.boolean().meta({ description: "False once its node is gone from the published version.", example: true }),
  hookUrl: z.url().nullable().meta({ description: "The address of a webhook; null for other kinds.", example: "https://hooks.example.com/hooks/2Zk…" }),
  hasSecret: z.boolean().meta({ description: "Whether callers must prove that they may call.", example: true }),
};

export const triggerSchema = z
  .strictObject({
    ...triggerShape,
    tenantId: idSchema("The tenant."),
    workflowId: idSchema("The workflow."),
    config: jsonValueSchema("The parameters of its node in the published version."),
    createdAt: instantSchema("When it was first published."),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "Trigger", description: "What may start executions of a workflow." });

export const createdTriggerSchema = z
  .strictObject({ ...triggerShape, secret: z.string().optional().meta({ description: shownOnce, example: "whsec_<base64>" }) })
  .meta({ id: "PublishedTrigger", description: "A trigger of the published version, with its secret if this publish made one." });

export const triggerRoutes = {
  listTriggers: defineRoute({
    operationId: "listTriggers",
    method: "get",
    path: "/v1/workflows/{workflowId}/triggers",
    tag,
    summary: "List the triggers of a workflow",
    description: "Newest first, also disabled ones. Secrets are never shown again.",
    scope: "workflows:read",
    subject: "tenant",
    params: z.strictObject({ workflowId: idSchema("The workflow.") }),
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of triggers.", body: pageOf(triggerSchema) } },
    problems: ["NOT_FOUND"],
  }),
  rotateTriggerSecret: defineRoute({
    operationId: "rotateTriggerSecret",
    method: "post",
    path: "/v1/triggers/{triggerId}/rotate-secret",
    tag,
    summary: "Replace the secret of a webhook",
    description: "The old secret is refused at once. Fluxo makes a new one unless the body holds one.",
    scope: "workflows:write",
    subject: "tenant",
    params: z.strictObject({ triggerId: idSchema("The trigger.") }),
    body: z
      .strictObject({
        secret: z
          .string()
          .regex(/^[\x21-\x7e]+$/, "must hold printable ASCII characters without blanks")
          .min(16)
          .max(512)
          .optional()
          .meta({ description: "The new secret; for Standard Webhooks whsec_ and 24 to 64 bytes in base64.", example: "a-secret-of-16-characters-or-more" }),
      })
      .optional()
      .meta({ id: "RotateSecret", description: "The new secret; made by Fluxo when absent." }),
    responses: {
      200: {
        description: "The secret was replaced.",
        body: z
          .strictObject({ triggerId: idSchema("The trigger."), secret: z.string().meta({ description: shownOnce, example: "whsec_<base64>" }) })
          .meta({ id: "RotatedSecret", description: "The new secret of a webhook." }),
      },
    },
    problems: ["NOT_FOUND", "STATE_CONFLICT"],
  }),
} as const;
