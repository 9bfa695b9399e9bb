import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json } from "@fluxo/core/json";
import { BULK_ITEMS_MAX, countBulkMatches, createBulkOperation as create, type BulkFilter } from "@fluxo/prisma/executions/bulk";
import { findBulkOperation } from "@fluxo/prisma/repositories/bulk-operations";
import type { Handler, HandlerRequest } from "../../http/handler.ts";
import { fingerprintOf } from "../fingerprint.ts";
import { notFound } from "../not-found.ts";
import { toBulkOperationAnswer } from "./bulk-operation-answer.ts";

type Body = HandlerRequest<Routes["createBulkOperation"]>["body"];

/** POST /v1/bulk-operations */
export const createBulkOperation: Handler<Routes["createBulkOperation"]> = async ({ access, headers, body }, { pool, tenantDb, ids }) => {
  const { tenantId } = access;
  const { kind, name, pacePerMinute } = body;
  const options: Partial<NonNullable<Body["options"]>> = body.options ?? {};
  const filter = filterOf(body);
  if (body.dryRun) {
    const matched = await countBulkMatches(pool, { tenantId, kind, options, filter });
    if (matched > BULK_ITEMS_MAX) throw tooLarge();
    return { status: 200, body: { matched } };
  }
  const result = await create(pool, {
    tenantId,
    id: ids.next(),
    kind,
    name,
    filter,
    options,
    pacePerMinute,
    idempotencyKey: headers["Idempotency-Key"] ?? null,
    fingerprint: fingerprintOf([kind, name, pacePerMinute, options.from ?? null, options.version ?? null, conditionsOf(filter)]),
    createdBy: access.actor.id,
  });
  if (result.outcome === "tooLarge") throw tooLarge();
  if (result.outcome === "conflict") throw new RequestError("IDEMPOTENCY_KEY_REUSED", { detail: `The key made the bulk operation ${result.id} by another request.` });
  const operation = await tenantDb.withTenant(tenantId, (db) => findBulkOperation(db, tenantId, result.id));
  if (operation === undefined) throw notFound("bulk operation");
  return { status: 202, headers: { Location: `/v1/bulk-operations/${result.id}` }, body: toBulkOperationAnswer(operation) };
};

function tooLarge(): RequestError {
  return new RequestError("BULK_TOO_LARGE", { detail: `More than ${BULK_ITEMS_MAX} executions match; narrow the filter.` });
}

function filterOf({ executionIds, filter }: Body): BulkFilter {
  if (executionIds !== undefined) return { ids: executionIds };
  const { status, ...rest } = filter ?? {};
  return { ...rest, ...(status === undefined ? {} : { statuses: status }) };
}

/** What is given of a filter, in a form that is the same for the same filter. */
function conditionsOf(filter: BulkFilter): Json {
  const given = Object.entries(filter).flatMap(([name, value]): [string, Json][] => (value === undefined ? [] : [[name, typeof value === "string" ? value : [...value]]]));
  return Object.fromEntries(given);
}
