import { isAudited, isOneTransaction, keepsAnswers } from "@fluxo/contracts/http/route-rules";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { RequestError } from "@fluxo/core/errors/request-error";
import { beginRequest, keepAnswer, type AuditContext, type KeyClaim } from "@fluxo/prisma/access/requests";
import { noteAudit } from "@fluxo/prisma/audit/note";
import type { UnitClient } from "@fluxo/prisma/database/units";
import { z } from "zod";
import type { Access } from "../access/access.ts";
import { fingerprintOf } from "../handlers/fingerprint.ts";
import type { ApiServices } from "../services.ts";
import type { Answer, AnyHandler, GivenRequest } from "./answer.ts";
import { auditContextOf, auditNoteOf } from "./audit-note.ts";
import { entityTagOf, passesIfMatch } from "./entity-tags.ts";
import { holdCompared } from "./hold-compared.ts";
import { validatePart } from "./validate.ts";

/** A route with what does it, and with what reads the thing that it updates. */
export interface Operation {
  readonly route: RouteDefinition;
  readonly handler: AnyHandler;
  readonly reader: { readonly route: RouteDefinition; readonly handler: AnyHandler } | undefined;
}

/** The headers that the router acts on for any handler. */
export interface Conditions {
  readonly idempotencyKey: string | undefined;
  /** What the caller holds for the thing that it updates, and the access that reads it. */
  readonly ifMatch: { readonly tags: string; readonly access: Access } | undefined;
}

const OPERATOR_ID = "00000000-0000-0000-0000-000000000000";

/**
 * Does an operation. One that changes something is one transaction: the change, its entries in the audit log, and the answer that repeats get.
 * @throws RequestError what the handler throws, IDEMPOTENCY_KEY_REUSED, PRECONDITION_FAILED, REQUEST_IN_PROGRESS
 */
export async function operate(operation: Operation, given: GivenRequest, conditions: Conditions, services: ApiServices): Promise<Answer> {
  const { route, handler } = operation;
  const { access } = given;
  if (access === undefined) return handler(given as never, services);
  const context = auditContextOf(route, access);
  if (isOneTransaction(route)) return services.units.run((db) => inTransaction(operation, given, conditions, { db, context, services }));
  const answer = await handler(given as never, services);
  if (isAudited(route)) {
    await services.units.run(async (db) => {
      await beginRequest(db, { context, resource: undefined, claim: undefined });
      await noteAudit(db, auditNoteOf(route, given.params, answer), true);
    });
  }
  return answer;
}

interface Transaction {
  readonly db: UnitClient;
  readonly context: AuditContext;
  readonly services: ApiServices;
}

async function inTransaction(operation: Operation, given: GivenRequest, { idempotencyKey, ifMatch }: Conditions, { db, context, services }: Transaction): Promise<Answer> {
  const { route, handler } = operation;
  const subjectId = context.tenantId ?? context.agencyId ?? OPERATOR_ID;
  const claim = keepsAnswers(route) && idempotencyKey !== undefined ? claimOf(route, given, subjectId, idempotencyKey) : undefined;
  const begun = await beginRequest(db, { context, resource: resourceOf(route, given.params, subjectId), claim });
  if (begun === undefined) throw new RequestError("REQUEST_IN_PROGRESS", { retryAfterSeconds: 1 });
  if (begun.outcome === "OFFBOARDING") throw new RequestError("TENANT_OFFBOARDING");
  if (begun.outcome === "REUSED") throw new RequestError("IDEMPOTENCY_KEY_REUSED", { detail: "The key came with another request to this operation in the last 24 hours." });
  if (begun.outcome === "REPEATED" && claim !== undefined) return openAnswer(services.box.open(begun.sealedAnswer, placeOf(context.actorId, claim)));
  if (ifMatch !== undefined) await assertMatches(operation, given, ifMatch, services);
  const answer = await handler(given as never, services);
  if (isAudited(route)) await noteAudit(db, auditNoteOf(route, given.params, answer), true);
  if (claim !== undefined) {
    const { status, headers, body } = answer;
    await keepAnswer(db, context.actorId, claim, services.box.seal(JSON.stringify({ status, headers, body }), placeOf(context.actorId, claim)));
  }
  return answer;
}

function claimOf(route: RouteDefinition, { params, query, headers, body }: GivenRequest, subjectId: string, key: string): KeyClaim {
  const request: unknown = JSON.parse(JSON.stringify({ params, query, headers, body }));
  return { subjectId, operation: route.operationId, key, fingerprint: fingerprintOf(z.json().parse(request)) };
}

/** Where a kept answer belongs: it opens nowhere else. */
function placeOf(actorId: string, { subjectId, operation, key }: KeyClaim): string[] {
  return [subjectId, "idempotent answer", actorId, operation, key];
}

const keptSchema = z.object({ status: z.int(), headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])).default({}), body: z.json().optional() });

function openAnswer(content: Buffer): Answer {
  const { status, headers, body } = keptSchema.parse(JSON.parse(content.toString("utf8")));
  return { status, headers: { ...headers, "Idempotency-Replayed": "true" }, ...(body === undefined ? {} : { body }) };
}

/** What changes of one thing take turns about: its path, up to the first id. Then no update slips in between the look at an entity tag and the change. */
function resourceOf(route: RouteDefinition, params: unknown, subjectId: string): string | undefined {
  const [head = "", name] = /^(.*?)\{(\w+)\}/.exec(route.path)?.slice(1) ?? [];
  if (name === undefined) return route.method === "post" ? undefined : `request ${subjectId} ${route.path}`;
  const id: unknown = typeof params === "object" && params !== null ? Object.getOwnPropertyDescriptor(params, name)?.value : undefined;
  return `request ${subjectId} ${head}${String(id)}`;
}

/** @throws RequestError PRECONDITION_FAILED, or what the reader throws */
async function assertMatches({ route, reader }: Operation, given: GivenRequest, { tags, access }: NonNullable<Conditions["ifMatch"]>, services: ApiServices): Promise<void> {
  if (reader === undefined) return;
  const request = { access, context: given.context, params: given.params, query: validatePart(reader.route.query, {}, "query"), headers: {}, body: undefined } satisfies GivenRequest;
  await holdCompared(reader.route, access, given.params, services.tenantDb);
  const current = await currentOf(route, () => reader.handler(request as never, services));
  if (current !== undefined && passesIfMatch(tags, entityTagOf(current))) return;
  throw new RequestError("PRECONDITION_FAILED", { detail: "The resource changed since you read it. Read it again and apply the change to that." });
}

/** What there is now; undefined for a thing that is not there, where its absence is no error: a PUT makes it. */
async function currentOf({ method }: RouteDefinition, read: () => Answer | Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await read();
  } catch (error) {
    if (method === "put" && error instanceof RequestError && error.code === "NOT_FOUND") return undefined;
    throw error;
  }
}
