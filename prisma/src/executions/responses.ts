import type { ErrorCode } from "@fluxo/core/errors/codes";
import type { Json, JsonObject } from "@fluxo/core/json";
import type pg from "pg";

/** An execution whose caller waits, and what for: the results of its end, or the first answer of a respond node. */
export interface AwaitedExecution {
  readonly tenantId: string;
  readonly executionId: string;
  readonly mode: "lastNode" | "respondNode";
}

/**
 * What the caller may be told. `responded`: the output of a respond node. `succeeded`: results by node name; empty when the caller waited for a respond
 * node and none ran, undefined when they are too large. `ended`: it ended otherwise.
 */
export type ExecutionResponse =
  | { readonly kind: "responded"; readonly output: Json }
  | { readonly kind: "succeeded"; readonly results: JsonObject | undefined }
  | { readonly kind: "ended"; readonly status: "FAILED" | "BLOCKED" | "CANCELED"; readonly code: ErrorCode | null };

interface ResponseRow {
  idx: number;
  status: "SUCCESS" | "FAILED" | "BLOCKED" | "CANCELED" | "QUEUED" | "RUNNING" | "WAITING";
  error_code: ErrorCode | null;
  answer: Json;
  results: JsonObject | null;
  is_too_large: boolean;
}

/**
 * Looks what awaited executions, of any tenants, have to say by now.
 * @param db fluxo_app
 * @param bytesMax largest results that are read
 * @returns in the order of the given ones; undefined for those without an answer yet
 */
export async function readResponses(db: pg.Pool, awaited: readonly AwaitedExecution[], bytesMax: number): Promise<(ExecutionResponse | undefined)[]> {
  const { rows } = await db.query<ResponseRow>({
    name: "fluxo_responses",
    text: "SELECT * FROM fluxo_responses($1, $2)",
    values: [JSON.stringify(awaited.map((execution, idx) => ({ idx, ...execution }))), bytesMax],
  });
  const found = new Map(rows.map((row) => [row.idx, toResponse(row)]));
  return awaited.map((_, idx) => found.get(idx));
}

function toResponse({ status, error_code: code, answer, results, is_too_large: isTooLarge }: ResponseRow): ExecutionResponse | undefined {
  if (answer !== null) return { kind: "responded", output: answer };
  switch (status) {
    case "SUCCESS":
      return { kind: "succeeded", results: isTooLarge ? undefined : (results ?? {}) };
    case "FAILED":
    case "BLOCKED":
    case "CANCELED":
      return { kind: "ended", status, code };
    case "QUEUED":
    case "RUNNING":
    case "WAITING":
      return undefined;
    default:
      return status satisfies never;
  }
}
