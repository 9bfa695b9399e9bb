import { graphSchema } from "@fluxo/core/graph/graph";
import { CONFLICT_POLICIES } from "@fluxo/core/workflow-templates/merge";
import { templateLocksSchema } from "@fluxo/core/workflow-templates/locks";
import { parameterValuesSchema, templateParametersSchema } from "@fluxo/core/workflow-templates/parameters";
import { z } from "zod";
import { defineRoute } from "./route.ts";
import { flagSchema, idSchema, instantSchema, nameSchema, pageOf, pageQueryShape } from "./scalars.ts";
import { jsonChangeSchema, publishedSchema } from "./workflows.ts";

const tag = "Templates";

const nameField = nameSchema("Its name, unique in the agency.", "Welcome mail");
const descriptionField = z.string().max(10_000).meta({ description: "What it is for.", example: "Greets everybody who fills in the form." });
export const versionNumberField = z.int().min(1).max(2_147_483_647).meta({ description: "The number of the version.", example: 2 });
export const valuesField = parameterValuesSchema.meta({ description: "Values of parameters by name; a credential is named by its id.", example: { shop: "Bakery" } });
export const onConflictField = z.enum(CONFLICT_POLICIES).meta({
  description: "What happens where the tenant's own changes and the version's contradict each other: nothing is changed (`refuse`), or one side wins. Locked parts are the template's always.",
  example: "refuse",
});

export const templateSchema = z
  .strictObject({
    id: idSchema("The template's id."),
    name: nameField,
    description: descriptionField,
    latestNumber: z.int().nullable().meta({ description: "The number of its newest version; null before the first.", example: 2 }),
    createdAt: instantSchema("When it was created."),
    updatedAt: instantSchema("When it was last changed."),
  })
  .meta({ id: "Template", description: "A workflow of the agency that many of its tenants have." });

const templateVersionShape = {
  id: idSchema("The version's id."),
  templateId: idSchema("The template."),
  number: z.int().meta({ description: "From 1.", example: 2 }),
  note: z.string().meta({ description: "What is new in it.", example: "A warmer greeting." }),
  contentHash: z.string().meta({ description: "SHA-256 of graph, parameters and locks, hex.", example: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" }),
  createdAt: instantSchema("When it was made."),
  createdBy: idSchema("Who made it."),
};
export const templateVersionSchema = z.strictObject(templateVersionShape).meta({ id: "TemplateVersion", description: "One version of a template; never changes." });
const contentShape = {
  graph: graphSchema.meta({
    description:
      'The graph. In the parameters of its nodes, {"$param": "name"} stands for the value of a parameter, {"$text": ["Dear ", {"$param": "name"}]} for text put together, and {"$literal": …} for what it holds, as it is.',
  }),
  parameters: templateParametersSchema.meta({ description: "What each tenant may or must give.", example: [{ name: "shop", title: "Name of the shop", type: "string", example: "Bakery" }] }),
  locks: templateLocksSchema.meta({ description: "Parts that tenants must leave as they are: nodes, or JSON pointers into them.", example: [{ nodeId: "mail", path: "/params/subject" }] }),
};
const templateVersionContentSchema = z.strictObject({ ...templateVersionShape, ...contentShape }).meta({ id: "TemplateVersionContent", description: "One version of a template with all that it is made of." });

const conflictSchema = z
  .strictObject({
    path: z.string().meta({ description: "JSON pointer: `/nodes/<id>/…` or `/edges/<from> <to> <port>`.", example: "/nodes/mail/params/subject" }),
    isLocked: z.boolean().meta({ description: "Whether the version locks this part.", example: false }),
    base: z.unknown().optional().meta({ description: "What the version of before has there; absent for nothing." }),
    tenant: z.unknown().optional().meta({ description: "What the tenant has there; absent for nothing." }),
    template: z.unknown().optional().meta({ description: "What the version has there; absent for nothing." }),
  })
  .meta({ id: "TemplateConflict", description: "A part that both the tenant and the version changed, each in another way." });

const installationShape = {
  tenantId: idSchema("The tenant."),
  templateId: idSchema("The template."),
  workflowId: idSchema("The tenant's workflow."),
  versionNumber: z.int().meta({ description: "The version that the tenant has.", example: 1 }),
  parameters: valuesField,
  hasPrevious: z.boolean().meta({ description: "Whether there is a version to go back to.", example: true }),
  overrides: z.array(jsonChangeSchema).meta({ description: "What the tenant's published workflow has otherwise than the template. Paths as in conflicts." }),
  locks: templateLocksSchema.meta({ description: "Parts that the tenant must leave as they are." }),
  refusal: z
    .strictObject({
      versionNumber: z.int().meta({ description: "The version.", example: 2 }),
      code: z.string().meta({ description: "The stable code.", example: "TEMPLATE_CONFLICT" }),
      message: z.string().meta({ description: "In words." }),
      conflicts: z.array(conflictSchema).meta({ description: "With TEMPLATE_CONFLICT." }),
    })
    .nullable()
    .meta({ description: "The last version that the tenant could not get, and why; null when it has what it was given last." }),
  createdAt: instantSchema("When the tenant got the template."),
  updatedAt: instantSchema("When it was last changed."),
};
export const installationSchema = z.strictObject(installationShape).meta({ id: "TemplateInstallation", description: "A template in one tenant." });
const skewItemSchema = z.strictObject({ ...installationShape, tenantName: z.string().meta({ description: "The tenant's name.", example: "Bakery" }) }).meta({ id: "TemplateSkew", description: "How one tenant stands to a template." });
const movedSchema = z
  .strictObject({ installation: installationSchema, published: publishedSchema, decided: z.array(conflictSchema).meta({ description: "Conflicts that `onConflict` decided." }) })
  .meta({ id: "TemplateMove", description: "What became of a tenant's workflow." });

const templateParams = z.strictObject({ templateId: idSchema("The template.") });
const installationParams = z.strictObject({ templateId: idSchema("The template."), tenantId: idSchema("The tenant.") });
const changesTenant = "The tenant's own changes are kept; its draft follows, with its unpublished work on top. A workflow that is switched off stays so.";
const movedResponses = { 200: { description: "The tenant has the version.", body: movedSchema } } as const;
const moveProblems = ["NOT_FOUND", "TENANT_OFFBOARDING", "TEMPLATE_CONFLICT", "WORKFLOW_ARCHIVED", "GRAPH_INVALID", "NODE_NOT_IN_PLAN", "TOO_MANY_NODES", "STATE_CONFLICT"] as const;

export const templateRoutes = {
  listTemplates: defineRoute({
    operationId: "listTemplates",
    method: "get",
    path: "/v1/templates",
    tag,
    summary: "List the workflow templates",
    description: "Newest first.",
    scope: "templates:read",
    subject: "agency",
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of templates.", body: pageOf(templateSchema) } },
    problems: [],
  }),
  createTemplate: defineRoute({
    operationId: "createTemplate",
    method: "post",
    path: "/v1/templates",
    tag,
    summary: "Create a workflow template",
    description: "It starts without versions.",
    scope: "templates:write",
    subject: "agency",
    body: z.strictObject({ name: nameField, description: descriptionField.default("") }).meta({ id: "CreateTemplate", description: "The template to be created." }),
    responses: { 201: { description: "The template was created.", body: templateSchema, headers: { Location: "The path of the template." } } },
    problems: ["NAME_TAKEN"],
  }),
  getTemplate: defineRoute({
    operationId: "getTemplate",
    method: "get",
    path: "/v1/templates/{templateId}",
    tag,
    summary: "Read a workflow template",
    description: "Without its versions.",
    scope: "templates:read",
    subject: "agency",
    params: templateParams,
    responses: { 200: { description: "The template.", body: templateSchema } },
    problems: ["NOT_FOUND"],
  }),
  updateTemplate: defineRoute({
    operationId: "updateTemplate",
    method: "patch",
    path: "/v1/templates/{templateId}",
    tag,
    summary: "Change a template's name and description",
    description: "Absent fields stay as they are. Workflows that tenants have keep their names.",
    scope: "templates:write",
    subject: "agency",
    params: templateParams,
    body: z.strictObject({ name: nameField.optional(), description: descriptionField.optional() }).meta({ id: "UpdateTemplate", description: "The fields to be changed." }),
    responses: { 200: { description: "The template after the change.", body: templateSchema } },
    problems: ["NOT_FOUND", "NAME_TAKEN"],
  }),
  listTemplateVersions: defineRoute({
    operationId: "listTemplateVersions",
    method: "get",
    path: "/v1/templates/{templateId}/versions",
    tag,
    summary: "List the versions of a template",
    description: "Newest first, without graphs.",
    scope: "templates:read",
    subject: "agency",
    params: templateParams,
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of versions.", body: pageOf(templateVersionSchema) } },
    problems: ["NOT_FOUND"],
  }),
  createTemplateVersion: defineRoute({
    operationId: "createTemplateVersion",
    method: "post",
    path: "/v1/templates/{templateId}/versions",
    tag,
    summary: "Make a new version of a template",
    description: "Checks the graph as a whole, with the examples or defaults of its parameters filled in. No tenant gets it before it is installed or rolled out. The same content is the same version.",
    scope: "templates:write",
    subject: "agency",
    params: templateParams,
    body: z
      .strictObject({ ...contentShape, parameters: contentShape.parameters.default([]), locks: contentShape.locks.default([]), note: z.string().max(2_000).default("").meta({ description: "What is new in it." }) })
      .meta({ id: "CreateTemplateVersion", description: "What the version is made of." }),
    responses: {
      200: { description: "This content is a version already.", body: templateVersionSchema },
      201: { description: "The version was made.", body: templateVersionSchema, headers: { Location: "The path of the version." } },
    },
    problems: ["NOT_FOUND", "GRAPH_INVALID"],
  }),
  getTemplateVersion: defineRoute({
    operationId: "getTemplateVersion",
    method: "get",
    path: "/v1/templates/{templateId}/versions/{number}",
    tag,
    summary: "Read a version of a template",
    description: "With its graph, parameters and locks.",
    scope: "templates:read",
    subject: "agency",
    params: z.strictObject({ templateId: idSchema("The template."), number: z.coerce.number().int().min(1).max(2_147_483_647).meta({ description: "The number of the version.", example: 1 }) }),
    responses: { 200: { description: "The version.", body: templateVersionContentSchema } },
    problems: ["NOT_FOUND"],
  }),
  listTemplateInstallations: defineRoute({
    operationId: "listTemplateInstallations",
    method: "get",
    path: "/v1/templates/{templateId}/installations",
    tag,
    summary: "List which tenants have which version",
    description: "By tenant, with what each changed for itself, and the last version that it could not get. `versions` counts the tenants of each version, whatever the filter.",
    scope: "templates:read",
    subject: "agency",
    params: templateParams,
    query: z.strictObject({
      ...pageQueryShape,
      versionNumber: z.coerce.number().int().min(1).max(2_147_483_647).optional().meta({ description: "Only those of this version.", example: 1 }),
      behind: flagSchema("Only those that do not have the newest version, or only those that do.").optional(),
      refused: flagSchema("Only those that could not get a version, or only the others.").optional(),
      overridden: flagSchema("Only those with changes of their own, or only those without.").optional(),
    }),
    responses: {
      200: {
        description: "One page of installations.",
        body: pageOf(skewItemSchema).extend({
          versions: z
            .array(z.strictObject({ number: z.int().meta({ description: "The version.", example: 2 }), tenants: z.int().meta({ description: "How many tenants have it.", example: 12 }) }))
            .meta({ description: "Newest first; versions that no tenant has are left out." }),
        }),
      },
    },
    problems: ["NOT_FOUND"],
  }),
  installTemplate: defineRoute({
    operationId: "installTemplate",
    method: "post",
    path: "/v1/templates/{templateId}/installations",
    tag,
    summary: "Give one tenant a template",
    description: "A new workflow of the tenant, published and active. A tenant has a template once.",
    scope: "templates:write",
    subject: "agency",
    params: templateParams,
    body: z
      .strictObject({
        tenantId: idSchema("The tenant."),
        number: versionNumberField.optional().meta({ description: "The version; the newest when absent." }),
        name: nameSchema("Of the workflow; the template's when absent.", "Welcome mail").optional(),
        parameters: valuesField.default({}),
      })
      .meta({ id: "InstallTemplate", description: "Who gets which version, with which values." }),
    responses: { 201: { description: "The tenant has the template.", body: movedSchema, headers: { Location: "The path of the installation." } } },
    problems: ["TENANT_OFFBOARDING", "NOT_FOUND", "NAME_TAKEN", "STATE_CONFLICT", "GRAPH_INVALID", "NODE_NOT_IN_PLAN", "TOO_MANY_NODES"],
  }),
  getTemplateInstallation: defineRoute({
    operationId: "getTemplateInstallation",
    method: "get",
    path: "/v1/templates/{templateId}/installations/{tenantId}",
    tag,
    summary: "Read how a tenant stands to a template",
    description: "With its parameters, its own changes, and the last version that it could not get.",
    scope: "templates:read",
    subject: "agency",
    params: installationParams,
    responses: { 200: { description: "The installation.", body: installationSchema } },
    problems: ["NOT_FOUND"],
  }),
  moveTemplateInstallation: defineRoute({
    operationId: "moveTemplateInstallation",
    method: "post",
    path: "/v1/templates/{templateId}/installations/{tenantId}/move",
    tag,
    summary: "Bring one tenant to another version, or change its parameters",
    description: `To a newer or an older version. ${changesTenant} Given parameters are put over those that the tenant has.`,
    scope: "templates:write",
    subject: "agency",
    params: installationParams,
    body: z
      .strictObject({ number: versionNumberField.optional().meta({ description: "The version; the one that the tenant has when absent." }), parameters: valuesField.default({}), onConflict: onConflictField.default("refuse") })
      .meta({ id: "MoveTemplateInstallation", description: "The version and the values." }),
    responses: movedResponses,
    problems: moveProblems,
  }),
  rollBackTemplateInstallation: defineRoute({
    operationId: "rollBackTemplateInstallation",
    method: "post",
    path: "/v1/templates/{templateId}/installations/{tenantId}/rollback",
    tag,
    summary: "Bring one tenant back to the version before",
    description: `With the parameters of before. ${changesTenant}`,
    scope: "templates:write",
    subject: "agency",
    params: installationParams,
    body: z.strictObject({ onConflict: onConflictField.default("refuse") }).default({ onConflict: "refuse" }).meta({ id: "RollBackTemplateInstallation", description: "Who wins where changes contradict each other." }),
    responses: movedResponses,
    problems: moveProblems,
  }),
  listOwnInstallations: defineRoute({
    operationId: "listOwnInstallations",
    method: "get",
    path: "/v1/template-installations",
    tag,
    summary: "List the workflows that came from the agency's templates",
    description: "Of one tenant: its parameters, its own changes, and what is locked.",
    scope: "workflows:read",
    subject: "tenant",
    query: z.strictObject(pageQueryShape),
    responses: { 200: { description: "One page of installations.", body: pageOf(installationSchema) } },
    problems: [],
  }),
} as const;
