import { graphEdgeSchema, graphNodeSchema, graphSchema } from "@fluxo/core/graph/graph";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { flagSchema, idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { createdTriggerSchema } from "./triggers.ts";

const tag = "Workflows";

const exampleGraph = {
  nodes: [
    { id: "start", type: "trigger.manual", params: {}, onError: "stop" as const },
    { id: "greet", type: "set", name: "Greet", params: { fields: { text: "Hello {{ trigger.customer }}" } }, onError: "stop" as const },
  ],
  edges: [{ from: "start", port: "main", to: "greet" }],
};

export const graphBodySchema = graphSchema.meta({
  id: "Graph",
  description: "Nodes and edges in any order. GET /v1/node-types tells the types of nodes and their parameters.",
  example: exampleGraph,
});

const workflowName = nameSchema("Its name, unique in the tenant.", "Welcome new customers");
const isActiveSchema = z.boolean().meta({ description: "Executions of a workflow that is not active are blocked with WORKFLOW_INACTIVE.", example: true });

const errorWorkflowSchema = idSchema("The workflow to be started when an execution of this one fails; null for the tenant's. It needs a published trigger.error node.").nullable();
const queuedTtlSchema = z
  .int()
  .min(1)
  .max(31_622_400)
  .nullable()
  .meta({ description: "Seconds that an execution may wait in the queue before it is blocked with QUEUE_TTL_EXPIRED; null for any time. Counts for executions accepted from then on.", example: 900 });

export const workflowSchema = z
  .strictObject({
    id: idSchema("The workflow's id."),
    tenantId: idSchema("The tenant."),
    name: workflowName,
    isActive: isActiveSchema,
    draftRevision: z.int().meta({ description: "Raised by every change of the draft.", example: 3 }),
    publishedVersion: z
      .strictObject({ id: idSchema("The version's id."), number: z.int().meta({ description: "From 1.", example: 2 }) })
      .nullable()
      .meta({ description: "The version that new executions take; null before the first publish." }),
    errorWorkflowId: errorWorkflowSchema,
    queuedTtlSeconds: queuedTtlSchema,
    archivedAt: instantSchema("Since when it is archived; null for one that is not.").nullable(),
    createdAt: instantSchema("When it was created."),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "Workflow", description: "An automation with its draft and its published version." });

const draftSchema = z
  .strictObject({
    workflowId: idSchema("The workflow."),
    revision: z.int().meta({ description: "Also the entity tag.", example: 3 }),
    graph: graphBodySchema,
  })
  .meta({ id: "Draft", description: "The graph under edit." });

export const graphIssueSchema = z
  .strictObject({
    code: z.string().meta({ description: "The stable code.", example: "EDGE_DANGLING" }),
    path: z.string().meta({ description: "JSON pointer into the graph.", example: "/edges/0/to" }),
    message: z.string().meta({ description: "What is wrong, for people.", example: "The edge names a node that does not exist." }),
    nodeId: z.string().optional().meta({ description: "The node at fault.", example: "greet" }),
  })
  .meta({ id: "GraphIssue", description: "One problem of a graph." });

const validationSchema = z
  .strictObject({
    valid: z.boolean().meta({ description: "Whether the graph can be published.", example: true }),
    issues: z.array(graphIssueSchema).meta({ description: "What keeps the graph from being published." }),
    warnings: z.array(graphIssueSchema).meta({ description: "What most likely does not work (TEMPLATE_PATH_UNKNOWN, TEMPLATE_TYPE_MISMATCH), and what the tenant's plan would refuse when an execution starts." }),
    plan: z
      .strictObject({
        triggers: z.array(z.string()).meta({ description: "Ids of the trigger nodes." }),
        readySets: z.array(z.array(z.string())).meta({ description: "Node ids in the order in which they become ready; nodes of one set run side by side." }),
      })
      .nullable()
      .meta({ description: "How it would be executed; null for a graph that is not valid." }),
  })
  .meta({ id: "Validation", description: "What publishing the graph would say." });

const versionShape = {
  id: idSchema("The version's id."),
  workflowId: idSchema("The workflow."),
  number: z.int().meta({ description: "From 1.", example: 2 }),
  contentHash: z.string().meta({ description: "SHA-256 of the canonical graph, hex.", example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }),
  nodeCount: z.int().meta({ description: "How many nodes it has.", example: 2 }),
  nodeTypes: z.array(z.string()).meta({ description: "The types of its nodes.", example: ["set", "trigger.manual"] }),
  publishedAt: instantSchema("When it was published first."),
  publishedBy: idSchema("The API key that published it.").nullable(),
};
export const versionSchema = z.strictObject(versionShape).meta({ id: "WorkflowVersion", description: "One published graph; never changes." });
const versionWithGraphSchema = z.strictObject({ ...versionShape, graph: graphBodySchema }).meta({ id: "WorkflowVersionWithGraph", description: "One published graph; never changes." });

export const publishedSchema = z
  .strictObject({
    isNew: z.boolean().meta({ description: "Whether this publish created the version.", example: true }),
    version: versionSchema,
    triggers: z.array(createdTriggerSchema).meta({ description: "What can start executions of this version." }),
  })
  .meta({ id: "Published", description: "The version that new executions take, and its triggers." });

export const jsonChangeSchema = z
  .strictObject({
    op: z.enum(["add", "remove", "replace"]).meta({ description: "What happens there.", example: "replace" }),
    path: z.string().meta({ description: "JSON pointer into the node.", example: "/params/fields/text" }),
    from: z.unknown().optional().meta({ description: "What stood there; absent for `add`." }),
    to: z.unknown().optional().meta({ description: "What stands there then; absent for `remove`." }),
  })
  .meta({ id: "JsonChange", description: "One difference of two nodes." });

const nodeListSchema = (description: string) => z.array(graphNodeSchema).meta({ description });
const edgeListSchema = (description: string) => z.array(graphEdgeSchema).meta({ description });
export const graphDiffShape = {
  isSame: z.boolean().meta({ description: "Whether both have the same content.", example: false }),
  nodes: z
    .strictObject({
      added: nodeListSchema("Nodes that only the second graph has."),
      removed: nodeListSchema("Nodes that only the first graph has."),
      changed: z
        .array(z.strictObject({ id: z.string().meta({ description: "The node.", example: "greet" }), changes: z.array(jsonChangeSchema).meta({ description: "In the order of their paths." }) }))
        .meta({ description: "Nodes that both have, with what differs." }),
    })
    .meta({ description: "By id." }),
  edges: z.strictObject({ added: edgeListSchema("Edges that only the second graph has."), removed: edgeListSchema("Edges that only the first graph has.") }).meta({ description: "By source, port and target." }),
  triggers: z
    .array(
      z.strictObject({
        nodeId: z.string().meta({ description: "The trigger node.", example: "start" }),
        type: z.string().meta({ description: "Its type.", example: "trigger.webhook" }),
        change: z.enum(["added", "removed", "changed"]).meta({ description: "What publishing the second graph would do to it.", example: "changed" }),
      }),
    )
    .meta({ description: "Triggers that differ." }),
};
const diffSideSchema = z.strictObject({
  kind: z.enum(["draft", "version"]).meta({ description: "What it is.", example: "version" }),
  revision: z.int().nullable().meta({ description: "Of a draft: its revision.", example: null }),
  number: z.int().nullable().meta({ description: "Of a version: its number.", example: 2 }),
});
const workflowDiffSchema = z
  .strictObject({ from: diffSideSchema.meta({ description: "The first graph." }), to: diffSideSchema.meta({ description: "The second graph." }), ...graphDiffShape })
  .meta({ id: "WorkflowDiff", description: "What turns one graph into another. Order, canvas positions and defaults that are written out do not count." });
const versionNumberSchema = z.coerce.number().int().min(1).max(2_147_483_647).meta({ description: "The number of the version.", example: 1 });
const diffOperandSchema = (description: string, fallback: "draft" | "published") => z.union([z.enum(["draft", "published"]), versionNumberSchema]).default(fallback).meta({ description, example: fallback });

const params = z.strictObject({ workflowId: idSchema("The workflow.") });
const entityTag = { ETag: "The revision of the draft, in quotes." };

export const workflowRoutes = {
  listWorkflows: defineRoute({
    operationId: "listWorkflows",
    method: "get",
    path: "/v1/workflows",
    tag,
    summary: "List the workflows",
    description: "Newest first. An agency that names no tenant gets those of all its tenants.",
    scope: "workflows:read",
    subject: "tenants",
    query: z.strictObject({
      ...pageQueryShape,
      active: flagSchema("Only active ones, or only those that are not.").optional(),
      archived: flagSchema("Only archived ones; without it, only those that are not.").optional(),
      q: nameSchema("Text that the name holds, in any case.", "welcome").optional(),
    }),
    responses: { 200: { description: "One page of workflows.", body: pageOf(workflowSchema) } },
    problems: [],
  }),
  createWorkflow: defineRoute({
    operationId: "createWorkflow",
    method: "post",
    path: "/v1/workflows",
    tag,
    summary: "Create a workflow",
    description: "It starts with a draft and nothing published. The draft need not be complete; publishing judges it.",
    scope: "workflows:write",
    subject: "tenant",
    body: z.strictObject({ name: workflowName, graph: graphBodySchema.optional() }).meta({ id: "CreateWorkflow", description: "The workflow to be created." }),
    responses: { 201: { description: "The workflow was created.", body: workflowSchema, headers: { Location: "The path of the workflow.", ...entityTag } } },
    problems: ["NAME_TAKEN"],
  }),
  getWorkflow: defineRoute({
    operationId: "getWorkflow",
    method: "get",
    path: "/v1/workflows/{workflowId}",
    tag,
    summary: "Read a workflow",
    description: "Without its graphs.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The workflow.", body: workflowSchema } },
    problems: ["NOT_FOUND"],
  }),
  updateWorkflow: defineRoute({
    operationId: "updateWorkflow",
    method: "patch",
    path: "/v1/workflows/{workflowId}",
    tag,
    summary: "Change a workflow's name and settings",
    description: "Absent fields stay as they are. Only a published workflow can be activated.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    body: z
      .strictObject({ name: workflowName.optional(), isActive: isActiveSchema.optional(), errorWorkflowId: errorWorkflowSchema.optional(), queuedTtlSeconds: queuedTtlSchema.optional() })
      .meta({ id: "UpdateWorkflow", description: "The fields to be changed." }),
    responses: { 200: { description: "The workflow after the change.", body: workflowSchema } },
    problems: ["NOT_FOUND", "NAME_TAKEN", "WORKFLOW_NOT_PUBLISHED", "WORKFLOW_ARCHIVED", "TOO_MANY_WORKFLOWS"],
  }),
  archiveWorkflow: defineRoute({
    operationId: "archiveWorkflow",
    method: "post",
    path: "/v1/workflows/{workflowId}/archive",
    changes: "/v1/workflows/{workflowId}",
    tag,
    summary: "Archive a workflow",
    description:
      "It is switched off, leaves the lists, and its name is free. Triggers watch nothing any more, hooks answer 404, and nothing of it can be changed, published or started until it is restored. " +
      "What runs goes on; what is queued is blocked with WORKFLOW_INACTIVE. Its executions and versions stay readable. Repeating it changes nothing.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    responses: { 200: { description: "The archived workflow.", body: workflowSchema } },
    problems: ["NOT_FOUND"],
  }),
  restoreWorkflow: defineRoute({
    operationId: "restoreWorkflow",
    method: "post",
    path: "/v1/workflows/{workflowId}/restore",
    changes: "/v1/workflows/{workflowId}",
    tag,
    summary: "Take a workflow out of the archive",
    description: "It comes back switched off, with its draft, versions and triggers; activating or publishing it is checked as always. Repeating it changes nothing.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    body: z.strictObject({ name: workflowName.optional() }).optional().meta({ id: "RestoreWorkflow", description: "Another name, when its own is taken by now." }),
    responses: { 200: { description: "The workflow.", body: workflowSchema } },
    problems: ["NOT_FOUND", "NAME_TAKEN"],
  }),
  deleteWorkflow: defineRoute({
    operationId: "deleteWorkflow",
    method: "delete",
    path: "/v1/workflows/{workflowId}",
    tag,
    summary: "Delete an archived workflow",
    description:
      "For ever: its draft, its triggers with their positions and addresses, and the versions that no execution ran. Its executions stay, each with its version's graph. " +
      "Refused with WORKFLOW_BUSY while executions of it have not ended, and while it is somebody's error workflow.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    responses: { 204: { description: "It is gone." } },
    problems: ["NOT_FOUND", "STATE_CONFLICT", "WORKFLOW_BUSY"],
  }),
  getDraft: defineRoute({
    operationId: "getDraft",
    method: "get",
    path: "/v1/workflows/{workflowId}/draft",
    tag,
    summary: "Read the draft",
    description: "The graph under edit, with its revision as entity tag.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    responses: { 200: { description: "The draft.", body: draftSchema, headers: entityTag } },
    problems: ["NOT_FOUND"],
  }),
  replaceDraft: defineRoute({
    operationId: "replaceDraft",
    method: "put",
    path: "/v1/workflows/{workflowId}/draft",
    tag,
    summary: "Replace the draft",
    description: "With If-Match, only when the draft still has that revision. The graph must have the right shape; it need not be complete.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    headers: z.object({
      "If-Match": z
        .string()
        .regex(/^(?:\*|(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*)$/, "must be an entity tag in quotes")
        .max(1_000)
        .optional()
        .meta({ description: "The entity tag that the draft must still have.", example: '"3"' }),
    }),
    body: z.strictObject({ graph: graphBodySchema }).meta({ id: "ReplaceDraft", description: "The new draft." }),
    responses: { 200: { description: "The draft after the change.", body: draftSchema, headers: entityTag } },
    problems: ["NOT_FOUND", "PRECONDITION_FAILED", "WORKFLOW_ARCHIVED"],
  }),
  validateWorkflow: defineRoute({
    operationId: "validateWorkflow",
    method: "post",
    path: "/v1/workflows/{workflowId}/validate",
    tag,
    summary: "Validate a graph",
    description: "Judges the graph of the body, or the draft when there is none, as publishing would, and warns of what the tenant's plan would refuse. Changes nothing.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    body: z.strictObject({ graph: graphBodySchema.optional() }).optional().meta({ id: "ValidateWorkflow", description: "The graph to be judged; the draft when absent." }),
    repeatable: "It changes nothing.",
    unaudited: "It changes nothing.",
    responses: { 200: { description: "The verdict.", body: validationSchema } },
    problems: ["NOT_FOUND"],
  }),
  publishWorkflow: defineRoute({
    operationId: "publishWorkflow",
    method: "post",
    path: "/v1/workflows/{workflowId}/publish",
    tag,
    summary: "Publish the draft",
    description:
      "Makes the draft the version that new executions take, and activates the workflow. The same content is the same version. Triggers keep their id, address and secret over versions; " +
      "the triggers of nodes that are gone are disabled. A secret is in the answer that created it, and never again.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    responses: {
      200: { description: "This content is a version already; it is the published one now.", body: publishedSchema },
      201: { description: "A new version was created and published.", body: publishedSchema, headers: { Location: "The path of the version." } },
    },
    problems: ["NOT_FOUND", "GRAPH_INVALID", "TEMPLATE_LOCKED", "WORKFLOW_ARCHIVED", "TOO_MANY_WORKFLOWS"],
  }),
  diffWorkflow: defineRoute({
    operationId: "diffWorkflow",
    method: "get",
    path: "/v1/workflows/{workflowId}/diff",
    tag,
    summary: "Compare two versions, or the draft with a version",
    description: "What turns the graph of `from` into that of `to`: nodes by id with the members that differ, edges, and the triggers that publishing would change. The same two graphs always have the same difference.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    query: z.strictObject({ from: diffOperandSchema("`draft`, `published`, or the number of a version.", "published"), to: diffOperandSchema("`draft`, `published`, or the number of a version.", "draft") }),
    responses: { 200: { description: "The difference.", body: workflowDiffSchema } },
    problems: ["NOT_FOUND", "WORKFLOW_NOT_PUBLISHED", "GRAPH_INVALID"],
  }),
  rollbackWorkflow: defineRoute({
    operationId: "rollbackWorkflow",
    method: "post",
    path: "/v1/workflows/{workflowId}/rollback",
    tag,
    summary: "Publish an earlier version again",
    description:
      "Makes a version of before the one that new executions take, with the same checks as publishing: what it names must still exist. Triggers are brought to its state; the draft stays as it is; " +
      "executions that run go on with the version they have.",
    scope: "workflows:write",
    subject: "tenant",
    params,
    body: z.strictObject({ number: z.int().min(1).max(2_147_483_647).meta({ description: "The number of the version.", example: 1 }) }).meta({ id: "RollbackWorkflow", description: "The version to go back to." }),
    responses: { 200: { description: "The version is the published one now.", body: publishedSchema } },
    problems: ["NOT_FOUND", "GRAPH_INVALID", "TEMPLATE_LOCKED", "WORKFLOW_ARCHIVED", "TOO_MANY_WORKFLOWS"],
  }),
  listVersions: defineRoute({
    operationId: "listVersions",
    method: "get",
    path: "/v1/workflows/{workflowId}/versions",
    tag,
    summary: "List the versions",
    description: "Newest first, without graphs.",
    scope: "workflows:read",
    subject: "tenant",
    params,
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of versions.", body: pageOf(versionSchema) } },
    problems: ["NOT_FOUND"],
  }),
  getVersion: defineRoute({
    operationId: "getVersion",
    method: "get",
    path: "/v1/workflows/{workflowId}/versions/{number}",
    tag,
    summary: "Read a version",
    description: "With its graph. Of a deleted workflow, the versions that executions ran are kept as long as these.",
    scope: "workflows:read",
    subject: "tenant",
    params: z.strictObject({ workflowId: idSchema("The workflow."), number: versionNumberSchema }),
    responses: { 200: { description: "The version.", body: versionWithGraphSchema } },
    problems: ["NOT_FOUND"],
  }),
} as const;
