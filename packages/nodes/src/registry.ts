import { NodeError } from "@fluxo/core/errors/node-error";
import { jsonPointer } from "@fluxo/core/json-pointer";
import type { NodeDefinition } from "@fluxo/core/node/definition";
import type { NodeContext, NodeExecutor, NodeResult } from "@fluxo/core/node/executor";
import type { z } from "zod";
import { catalog, isNodeType, type NodeType } from "./catalog.ts";
import { executeAggregate } from "./aggregate/executor.ts";
import { executeAiPrompt } from "./ai-prompt/executor.ts";
import { executeCode } from "./code/executor.ts";
import { executeCompare } from "./compare/executor.ts";
import { executeDateTime } from "./date-time/executor.ts";
import { executeDeduplicate } from "./deduplicate/executor.ts";
import { executeDelay } from "./delay/executor.ts";
import { executeDocument } from "./document/executor.ts";
import { executeEmailSend } from "./email-send/executor.ts";
import { executeFilter } from "./filter/executor.ts";
import { executeForEach } from "./for-each/executor.ts";
import { executeFormat } from "./format/executor.ts";
import { executeHash } from "./hash/executor.ts";
import { executeHttpRequest } from "./http-request/executor.ts";
import { executeIf } from "./if/executor.ts";
import { executeLimit } from "./limit/executor.ts";
import { executeMerge } from "./merge/executor.ts";
import { executeParse } from "./parse/executor.ts";
import { executePostgresqlQuery } from "./postgresql-query/executor.ts";
import { executeRespond } from "./respond/executor.ts";
import { executeS3Object } from "./s3-object/executor.ts";
import { isTooDeep, MAX_JSON_DEPTH } from "./schemas/json.ts";
import { executeSet } from "./set/executor.ts";
import { executeSort } from "./sort/executor.ts";
import { executeStop } from "./stop/executor.ts";
import { executeSubWorkflow } from "./sub-workflow/executor.ts";
import { executeSwitch } from "./switch/executor.ts";
import { executeTransform } from "./transform/executor.ts";
import { executeEmailTrigger } from "./trigger-email/executor.ts";
import { executeErrorTrigger } from "./trigger-error/executor.ts";
import { executeFileTrigger } from "./trigger-file/executor.ts";
import { executeManualTrigger } from "./trigger-manual/executor.ts";
import { executeRssTrigger } from "./trigger-rss/executor.ts";
import { executeScheduleTrigger } from "./trigger-schedule/executor.ts";
import { executeWebhookTrigger } from "./trigger-webhook/executor.ts";
import { executeWorkflowTrigger } from "./trigger-workflow/executor.ts";

/** The parameters that an executor gets, by node type. */
type Params = { readonly [T in NodeType]: z.output<(typeof catalog)[T]["params"]> };

/** One executor for every type of the catalog and none for others, each for the parameters of its own type. Anything else does not compile. */
type Executors = { readonly [T in NodeType]: NodeExecutor<Params[T]> };

const executors: Executors = {
  "trigger.webhook": executeWebhookTrigger,
  "trigger.manual": executeManualTrigger,
  "trigger.workflow": executeWorkflowTrigger,
  "trigger.error": executeErrorTrigger,
  "trigger.schedule": executeScheduleTrigger,
  "trigger.file": executeFileTrigger,
  "trigger.email": executeEmailTrigger,
  "trigger.rss": executeRssTrigger,
  set: executeSet,
  if: executeIf,
  switch: executeSwitch,
  merge: executeMerge,
  filter: executeFilter,
  "for-each": executeForEach,
  parse: executeParse,
  format: executeFormat,
  "date-time": executeDateTime,
  hash: executeHash,
  deduplicate: executeDeduplicate,
  compare: executeCompare,
  aggregate: executeAggregate,
  sort: executeSort,
  limit: executeLimit,
  "http.request": executeHttpRequest,
  "ai.prompt": executeAiPrompt,
  "s3.object": executeS3Object,
  "document.generate": executeDocument,
  "email.send": executeEmailSend,
  "postgresql.query": executePostgresqlQuery,
  transform: executeTransform,
  code: executeCode,
  delay: executeDelay,
  "workflow.execute": executeSubWorkflow,
  respond: executeRespond,
  stop: executeStop,
};

/** The catalog, typed so that a type's schema and its executor are seen to agree. */
const schemas: { readonly [T in NodeType]: { readonly params: z.ZodType<Params[T]> } } = catalog;

/** Most problems that one message names. */
const MAX_ISSUES = 5;

/**
 * Runs one attempt of a node: checks the parameters, executes, checks the result.
 * @param renderedParams the parameters as saved, with their templates filled in
 * @throws NodeError what the executor throws; PARAMS_INVALID (DATA, names the fields), OUTPUT_TOO_LARGE (DATA, nested too deep),
 * OUTPUT_INVALID (INTERNAL, a defect of the executor), EXECUTION_UNREADABLE (INTERNAL, no such type)
 * @throws the reason of `context.signal` when it aborts before the executor begins, or while it waits for something outside
 */
export async function executeNode(type: string, renderedParams: unknown, context: NodeContext): Promise<NodeResult> {
  if (!isNodeType(type)) {
    throw new NodeError(`This worker knows no node type "${type}".`, { errorClass: "INTERNAL", code: "EXECUTION_UNREADABLE" });
  }
  context.signal.throwIfAborted();
  const result = await executeWith(type, executors[type], renderedParams, context);
  assertResult(catalog[type], renderedParams, result);
  return result;
}

async function executeWith<T extends NodeType>(type: T, executor: Executors[T], renderedParams: unknown, context: NodeContext): Promise<NodeResult> {
  return executor(parseParams(type, schemas[type].params, renderedParams), context);
}

function parseParams<P>(type: string, schema: z.ZodType<P>, renderedParams: unknown): P {
  const parsed = schema.safeParse(renderedParams);
  if (!parsed.success) {
    throw new NodeError(`The parameters of ${type} do not fit: ${issuesText(parsed.error)}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  return parsed.data;
}

/** Checks the output against its schema, and the ports against those of the definition. The output itself stays as it is. */
function assertResult(definition: NodeDefinition, renderedParams: unknown, result: NodeResult): void {
  // What a child gives or the items of a loop make is not there yet.
  if (result.kind === "child" || result.kind === "loop") return;
  const checked = definition.output.safeParse(result.output);
  if (!checked.success) {
    if (isTooDeep(result.output)) {
      throw new NodeError(`The output is nested deeper than ${MAX_JSON_DEPTH} levels.`, { errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
    }
    throw outputInvalid(definition.type, `its output does not fit: ${issuesText(checked.error)}`);
  }
  if (result.kind === "done" && result.ports !== undefined) {
    const known = definition.ports(typeof renderedParams === "object" && renderedParams !== null ? { ...renderedParams } : {});
    const unknown = result.ports.find((port) => !known.includes(port));
    if (unknown !== undefined) {
      throw outputInvalid(definition.type, `it took the port "${unknown}", which it does not have`);
    }
  }
}

function outputInvalid(type: string, reason: string): NodeError {
  return new NodeError(`The node type ${type} broke its contract: ${reason}.`, { errorClass: "INTERNAL", code: "OUTPUT_INVALID" });
}

/** Names fields and rules, never values. */
function issuesText({ issues }: z.ZodError): string {
  const named = issues.slice(0, MAX_ISSUES).map(({ path, message }) => (path.length === 0 ? message : `${jsonPointer(path)} ${message}`));
  return [...named, ...(issues.length > MAX_ISSUES ? [`and ${issues.length - MAX_ISSUES} more`] : [])].join("; ");
}
