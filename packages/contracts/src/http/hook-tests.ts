import { z } from "zod";
import { defineRoute } from "./route.ts";
import { idSchema, instantSchema, jsonValueSchema } from "./scalars.ts";

const tag = "Triggers";
const params = z.strictObject({ triggerId: idSchema("The trigger.") });

const testSessionSchema = z
  .strictObject({
    testUrl: z.url().meta({ description: "The address that takes the request.", example: "https://hooks.example.com/hooks-test/2Zk…" }),
    expiresAt: instantSchema("When it stops to wait."),
    sampleId: idSchema("What it captured; null while it waits.").nullable(),
  })
  .meta({ id: "HookTestSession", description: "A test of a webhook, which waits for one request." });

const sampleSchema = z
  .strictObject({
    id: idSchema("The sample."),
    receivedAt: instantSchema("When the request came."),
    payload: jsonValueSchema("The request as an execution would have got it: the `input` of a manual start that repeats it."),
  })
  .meta({ id: "HookSample", description: "A request that a test captured. It started nothing." });

/** How a hook was found when it was called from here. */
export const HOOK_CHECK_REASONS = ["ok", "dns", "connection", "tls", "timeout", "refused", "redirect", "status", "foreign"] as const;

const checkSchema = z
  .strictObject({
    isReachable: z.boolean().meta({ description: "Whether the ingress of this installation answers at the address.", example: true }),
    reason: z.enum(HOOK_CHECK_REASONS).meta({
      description: "What stands between: the name, the connection, the certificate, the time, a rule of this installation (refused), a redirect, an answer of the ingress or of a proxy (status), or an answer of somebody else (foreign).",
      example: "ok",
    }),
    status: z.int().nullable().meta({ description: "The status of the answer; null when there was none.", example: 200 }),
    message: z.string().meta({ description: "The reason in words.", example: "The webhook answers." }),
  })
  .meta({ id: "HookCheck", description: "How a webhook's address was found." });

export const hookTestRoutes = {
  openTestSession: defineRoute({
    operationId: "openTestSession",
    method: "post",
    path: "/v1/triggers/{triggerId}/test-session",
    tag,
    summary: "Wait for a sample request",
    description: "For ten minutes, the next good request to the test address of a published webhook is kept as a sample. It starts nothing. A session that is open begins anew.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    responses: { 200: { description: "It waits.", body: testSessionSchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT", "WORKFLOW_ARCHIVED"],
  }),
  listSamples: defineRoute({
    operationId: "listSamples",
    method: "get",
    path: "/v1/triggers/{triggerId}/samples",
    tag,
    summary: "List sample requests",
    description: "The last ten samples of a webhook, newest first, and its test session if there was one.",
    scope: "executions:read",
    subject: "tenant",
    params,
    responses: {
      200: {
        description: "The samples.",
        body: z
          .strictObject({ session: testSessionSchema.nullable().meta({ description: "The last test session; null when there was none." }), data: z.array(sampleSchema).meta({ description: "The samples." }) })
          .meta({ id: "HookSamples", description: "What tests of a webhook captured." }),
      },
    },
    problems: ["NOT_FOUND", "STATE_CONFLICT", "WORKFLOW_ARCHIVED"],
  }),
  checkTrigger: defineRoute({
    operationId: "checkTrigger",
    method: "post",
    path: "/v1/triggers/{triggerId}/check",
    tag,
    summary: "Check that a webhook answers",
    description: "Calls the published address with a signed probe, which the ingress answers without an execution and without asking for the caller's credentials.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    repeatable: "It changes nothing.",
    unaudited: "It changes nothing.",
    responses: { 200: { description: "What was found.", body: checkSchema } },
    problems: ["NOT_FOUND", "STATE_CONFLICT", "WORKFLOW_ARCHIVED"],
  }),
} as const;
