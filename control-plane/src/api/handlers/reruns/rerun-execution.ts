import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { rerunExecution as rerun } from "@fluxo/prisma/executions/rerun";
import type { Handler } from "../../http/handler.ts";
import { fingerprintOf } from "../fingerprint.ts";
import { notFound } from "../not-found.ts";

/** POST /v1/executions/{executionId}/rerun */
export const rerunExecution: Handler<Routes["rerunExecution"]> = async ({ access, params, headers, body }, { pool, ids, handOver }) => {
  const { tenantId } = access;
  const { from, version, input } = body;
  const newId = ids.next();
  const result = await rerun(pool, {
    tenantId,
    executionId: params.executionId,
    newId,
    payloadId: ids.next(),
    from,
    version,
    occurrenceKey: `rerun:${headers["Idempotency-Key"] ?? newId}`,
    fingerprint: fingerprintOf({ executionId: params.executionId, from, version, input: input ?? null }),
    ...(input === undefined ? {} : { input }),
  });
  switch (result.outcome) {
    case "accepted":
      handOver([{ tenantId, executionId: result.executionId }]);
      return { status: 202, headers: { Location: `/v1/executions/${result.executionId}` }, body: { executionId: result.executionId, duplicate: false } };
    case "duplicate":
      return { status: 200, headers: { Location: `/v1/executions/${result.executionId}` }, body: { executionId: result.executionId, duplicate: true } };
    case "conflict":
      throw new RequestError("IDEMPOTENCY_KEY_REUSED", { detail: `The key made the execution ${result.executionId} by another request.` });
    case "refused":
      throw new RequestError(result.code, { detail: result.message });
    case "notFound":
      throw notFound("execution");
    default:
      return result satisfies never;
  }
};
