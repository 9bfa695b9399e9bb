import { TIERS, type NodeDefinition, type RetryClass, type SideEffect, type Tier } from "@fluxo/core/node/definition";
import { z } from "zod";
import { aggregate } from "./aggregate/definition.ts";
import { aiPrompt } from "./ai-prompt/definition.ts";
import { code } from "./code/definition.ts";
import { compare } from "./compare/definition.ts";
import { dateTime } from "./date-time/definition.ts";
import { deduplicate } from "./deduplicate/definition.ts";
import { delay } from "./delay/definition.ts";
import { documentGenerate } from "./document/definition.ts";
import { emailSend } from "./email-send/definition.ts";
import { filter } from "./filter/definition.ts";
import { forEach } from "./for-each/definition.ts";
import { format } from "./format/definition.ts";
import { hash } from "./hash/definition.ts";
import { httpRequest } from "./http-request/definition.ts";
import { ifNode } from "./if/definition.ts";
import { limit } from "./limit/definition.ts";
import { merge } from "./merge/definition.ts";
import { parse } from "./parse/definition.ts";
import { postgresqlQuery } from "./postgresql-query/definition.ts";
import { respond } from "./respond/definition.ts";
import { s3Object } from "./s3-object/definition.ts";
import { set } from "./set/definition.ts";
import { sort } from "./sort/definition.ts";
import { stop } from "./stop/definition.ts";
import { subWorkflow } from "./sub-workflow/definition.ts";
import { switchNode } from "./switch/definition.ts";
import { transform } from "./transform/definition.ts";
import { emailTrigger } from "./trigger-email/definition.ts";
import { errorTrigger } from "./trigger-error/definition.ts";
import { fileTrigger } from "./trigger-file/definition.ts";
import { manualTrigger } from "./trigger-manual/definition.ts";
import { rssTrigger } from "./trigger-rss/definition.ts";
import { scheduleTrigger } from "./trigger-schedule/definition.ts";
import { webhookTrigger } from "./trigger-webhook/definition.ts";
import { workflowTrigger } from "./trigger-workflow/definition.ts";

/** Every node type by its name: definitions only, no executor. */
export const catalog = {
  "trigger.webhook": webhookTrigger,
  "trigger.manual": manualTrigger,
  "trigger.workflow": workflowTrigger,
  "trigger.error": errorTrigger,
  "trigger.schedule": scheduleTrigger,
  "trigger.file": fileTrigger,
  "trigger.email": emailTrigger,
  "trigger.rss": rssTrigger,
  set,
  if: ifNode,
  switch: switchNode,
  merge,
  filter,
  "for-each": forEach,
  parse,
  format,
  "date-time": dateTime,
  hash,
  deduplicate,
  compare,
  aggregate,
  sort,
  limit,
  "http.request": httpRequest,
  "ai.prompt": aiPrompt,
  "s3.object": s3Object,
  "document.generate": documentGenerate,
  "email.send": emailSend,
  "postgresql.query": postgresqlQuery,
  transform,
  code,
  delay,
  "workflow.execute": subWorkflow,
  respond,
  stop,
} as const satisfies Record<string, NodeDefinition>;

export type NodeType = keyof typeof catalog;

/** What `GET /v1/node-types` tells about one node type. */
export interface NodeTypeDescription {
  readonly type: string;
  readonly kind: NodeDefinition["kind"];
  readonly title: string;
  /** Markdown. */
  readonly docs: string;
  readonly tier: Tier;
  readonly integration: string | null;
  readonly sideEffect: SideEffect;
  readonly retryClass: RetryClass;
  readonly defaultTimeoutMs: number;
  /** The output ports without parameters; some node types make more of them of their parameters. `error` is there on nodes with `onError: "branch"`. */
  readonly ports: { readonly names: readonly string[]; readonly dependOnParams: boolean };
  /** JSON Schema (2020-12) of the parameters as saved; a template may stand in place of any value but a trigger's. */
  readonly paramsSchema: z.core.JSONSchema.BaseSchema;
  /** JSON Schema (2020-12) of the output. */
  readonly outputSchema: z.core.JSONSchema.BaseSchema;
  readonly examples: NodeDefinition["examples"];
}

const definitions: Readonly<Record<string, NodeDefinition>> = catalog;

/** Whether the catalog has a type of this name. */
export function isNodeType(type: string): type is NodeType {
  return Object.hasOwn(catalog, type);
}

/** The definition of a node type; undefined when there is none. */
export function findDefinition(type: string): NodeDefinition | undefined {
  return isNodeType(type) ? definitions[type] : undefined;
}

/** The rank of every node type's tier, from 0 for the smallest: a plan includes the node types up to the rank of its own tier. */
export function nodeTiers(): Record<string, number> {
  return Object.fromEntries(Object.entries(definitions).map(([type, { tier }]) => [type, TIERS.indexOf(tier)]));
}

/** The whole catalog as data, in its own order. */
export function describeCatalog(): NodeTypeDescription[] {
  return Object.values(definitions).map(describeDefinition);
}

/** One definition as data. */
export function describeDefinition(definition: NodeDefinition): NodeTypeDescription {
  const { type, kind, title, docs, tier, integration, sideEffect, retryClass, defaultTimeoutMs, examples } = definition;
  return {
    type,
    kind,
    title,
    docs,
    tier,
    integration,
    sideEffect,
    retryClass,
    defaultTimeoutMs,
    ports: describePorts(definition),
    paramsSchema: z.toJSONSchema(definition.params, { io: "input", unrepresentable: "any" }),
    outputSchema: z.toJSONSchema(definition.output, { unrepresentable: "any" }),
    examples,
  };
}

function describePorts({ ports, examples }: NodeDefinition): NodeTypeDescription["ports"] {
  const names = ports({});
  const dependOnParams = examples.some(({ params }) => ports(recordOf(params)).join("\n") !== names.join("\n"));
  return { names, dependOnParams };
}

function recordOf(params: unknown): Readonly<Record<string, unknown>> {
  return typeof params === "object" && params !== null ? { ...params } : {};
}
