import type { JsonObject } from "@fluxo/core/json";
import type pg from "pg";
import { toJsonb } from "../database/jsonb.ts";
import { inlineOrReference } from "./intake.ts";

/** Where a rerun begins: at the trigger, or with the successful part of the journal taken over. */
export type RerunFrom = "start" | "failedNode";

/** Which version a rerun takes: the one of the execution, or the one that is published now. */
export type RerunVersion = "same" | "latest";

export interface RerunRequest {
  readonly tenantId: string;
  /** The execution to repeat. */
  readonly executionId: string;
  /** The id that the new one gets. */
  readonly newId: string;
  /** Id for the stored input if it is above the inline threshold. */
  readonly payloadId: string;
  readonly from: RerunFrom;
  readonly version: RerunVersion;
  /** Unique for the trigger of the execution, for ever (I1). */
  readonly occurrenceKey: string;
  /** Hash of the request: a repeat of the key with another hash is a conflict. */
  readonly fingerprint: string;
  /** Instead of the recorded input; only from the start. */
  readonly input?: JsonObject;
}

/**
 * `accepted`: the new execution is QUEUED. `duplicate`: the key was used for the same request; the id is the first rerun's. `conflict`: it was used for
 * another one. `refused`: the state of the execution or of its workflow does not allow it; the message says why.
 */
export type RerunResult =
  | { readonly outcome: "accepted" | "duplicate" | "conflict"; readonly executionId: string }
  | { readonly outcome: "notFound" }
  | { readonly outcome: "refused"; readonly code: "STATE_CONFLICT" | "WORKFLOW_NOT_PUBLISHED" | "WORKFLOW_ARCHIVED" | "TENANT_OFFBOARDING" | "PAYLOAD_TOO_LARGE"; readonly message: string };

interface RerunRow {
  outcome: RerunResult["outcome"];
  execution_id: string;
  code: "STATE_CONFLICT" | "WORKFLOW_NOT_PUBLISHED" | "WORKFLOW_ARCHIVED" | "TENANT_OFFBOARDING";
  message: string;
}

/**
 * Queues an execution again, as a new one that names it in `rerunOf`; the old one stays as it is.
 * @param db fluxo_app
 */
export async function rerunExecution(db: pg.Pool, { tenantId, input, ...request }: RerunRequest): Promise<RerunResult> {
  const row = { ...request, ...(input === undefined ? {} : inlineOrReference("input", input, request.payloadId)) };
  const { rows } = await db.query<RerunRow>("SELECT outcome, execution_id, code, message FROM fluxo_rerun($1, $2)", [tenantId, toJsonb(row)]);
  const [answer] = rows;
  if (answer === undefined || answer.outcome === "notFound") return { outcome: "notFound" };
  if (answer.outcome === "refused") return { outcome: "refused", code: answer.code, message: answer.message };
  return { outcome: answer.outcome, executionId: answer.execution_id };
}
