import { pipeline } from "node:stream/promises";
import { idempotencyHeaders } from "@fluxo/contracts/http/idempotency";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { fieldsOf, isTagged, keepsAnswers, readerOf } from "@fluxo/contracts/http/route-rules";
import { SCOPES } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { clientAddressOf, type AddressRanges } from "@fluxo/runtime/http/client-address";
import express, { type Request, type Response, type Router } from "express";
import { z } from "zod";
import type { EventTokens } from "../../live/event-token.ts";
import type { Access, RequestContext } from "../access/access.ts";
import type { Authenticator } from "../access/authenticate.ts";
import type { ApiServices } from "../services.ts";
import { readCookie, type CookieJar } from "../sign-in/cookies.ts";
import { assertSameOrigin } from "../sign-in/same-origin.ts";
import { accessFor, assertMayCall } from "./access-for.ts";
import type { Answer, AnyHandler, GivenRequest } from "./answer.ts";
import { readJsonBody } from "./body.ts";
import { entityTagOf, isKnownTo, TAG_LIST } from "./entity-tags.ts";
import { operate, type Conditions, type Operation } from "./operate.ts";
import { requestIdOf } from "./request-id.ts";
import { onlyFields, readFields } from "./sparse.ts";
import type { RequestLimits } from "../access/request-limits.ts";
import { rateLimitFields } from "../../rate-limits/fields.ts";
import type { TenantScope } from "./tenant-scope.ts";
import { validatePart, withLists } from "./validate.ts";

const USER_AGENT_MAX = 500;

/** What the router needs to let a request through. */
export interface Gate {
  readonly authenticator: Authenticator;
  readonly tenants: TenantScope;
  readonly eventTokens: EventTokens;
  readonly limits: RequestLimits;
  readonly cookies: CookieJar;
  /** Where people reach this API: what the browser calls the origin of its pages. */
  readonly pageOrigin: string;
  /** The operator's proxies, whose X-Forwarded-For is believed. */
  readonly trustedProxies: AddressRanges;
  /** Check answers against their schemas too. Tests do; in production the types are enough. */
  readonly checksAnswers: boolean;
}

/**
 * Registers every route of the table with its handler, and answers known paths with other methods by 405.
 * @throws Error for a route that does not say who may call it
 */
export function routeTable(
  routes: Readonly<Record<string, RouteDefinition>>,
  handlers: Readonly<Record<string, AnyHandler>>,
  services: ApiServices,
  gate: Gate,
): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  const methods = new Map<string, string[]>();
  for (const [operationId, route] of Object.entries(routes)) {
    const handler = handlers[operationId];
    assertGuarded(operationId, route);
    if (handler === undefined) throw new Error(`The operation ${operationId} has no handler.`);
    const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()]);
    const reader = readerOf(route, routes);
    const readerHandler = reader === undefined ? undefined : handlers[reader.operationId];
    const operation: Operation = { route, handler, reader: reader === undefined || readerHandler === undefined ? undefined : { route: reader, handler: readerHandler } };
    router[route.method](path, async (request: Request, response: Response) => {
      const { conditions, fields, given } = await requestFor(operation, request, response, gate);
      const answer = await operate(operation, given, conditions, services);
      if (gate.checksAnswers) assertDeclared(route, answer);
      await send(response, finished(operation, answer, fields, conditions.ifNoneMatch));
    });
  }
  for (const [path, allowed] of methods) {
    router.all(path, (_request: Request, response: Response) => {
      response.set("Allow", [...allowed, ...(allowed.includes("GET") ? ["HEAD"] : [])].join(", "));
      throw new RequestError("METHOD_NOT_ALLOWED", { detail: `Allowed here: ${allowed.join(", ")}.` });
    });
  }
  return router;
}

function assertGuarded(operationId: string, route: RouteDefinition): void {
  const scopes: readonly string[] = [...SCOPES, "authenticated", "public"];
  if (!scopes.includes(route.scope)) throw new Error(`The operation ${operationId} names no scope.`);
  if ((route.scope === "public") !== (route.subject === "none")) throw new Error(`The operation ${operationId} is public, or it has a subject.`);
}

interface RouterConditions extends Conditions {
  readonly ifNoneMatch: string | undefined;
}

interface CheckedRequest {
  readonly given: GivenRequest;
  readonly conditions: RouterConditions;
  /** What a read is narrowed to. */
  readonly fields: ReadonlySet<string> | undefined;
}

/** Authentication, scope, tenant, rate, then the parts of the request: each check before the next one spends anything. */
async function requestFor(operation: Operation, request: Request, response: Response, gate: Gate): Promise<CheckedRequest> {
  const { route, reader } = operation;
  const context = contextOf(request, response, gate.trustedProxies);
  const caller = route.scope === "public" ? undefined : await callerOf(route, request, context, gate);
  if (caller !== undefined) assertMayCall(route, caller);
  const params = validatePart(route.params, request.params, "params");
  const access = caller === undefined ? undefined : await accessFor(route, caller, request.get("fluxo-tenant"), params, gate.tenants);
  if (access !== undefined) response.set(rateLimitFields(await gate.limits.take(access)));
  const choice = fieldsOf(route);
  const { fields: givenFields, ...ownQuery } = choice === undefined ? { ...request.query, fields: undefined } : request.query;
  const fields = choice === undefined ? undefined : readFields(choice, givenFields);
  const query = validatePart(route.query ?? NOTHING, route.query === undefined ? ownQuery : withLists(route.query, ownQuery), "query");
  const headers = validatePart(route.headers, pickHeaders(route, request), "headers");
  const { idempotencyKey, tags, ifNoneMatch } = conditionsOf(operation, request);
  const ifMatch = tags === undefined || caller === undefined || reader === undefined ? undefined : { tags, access: await accessFor(reader.route, caller, request.get("fluxo-tenant"), params, gate.tenants) };
  const body = validatePart(route.body ?? NO_BODY, route.body === undefined && route.method === "get" ? undefined : await readJsonBody(request, response), "body");
  return { given: { access, context, params, query: route.query === undefined ? undefined : query, headers, body }, conditions: { idempotencyKey, ifMatch, ifNoneMatch }, fields };
}

/** What operations take that declare no query or no body. */
const NOTHING = z.strictObject({});
const NO_BODY = z.strictObject({}, "takes no body").optional();

const tagList = z.string().regex(TAG_LIST, "must be an entity tag in quotes, several, or *").max(1_000).optional();
const conditionsSchema = z.object({ "Idempotency-Key": idempotencyHeaders.shape["Idempotency-Key"], "If-Match": tagList, "If-None-Match": tagList });

/** The headers that are acted on for every handler, where they mean something. @throws RequestError VALIDATION_FAILED */
function conditionsOf({ route, reader }: Operation, request: Request): { idempotencyKey: string | undefined; tags: string | undefined; ifNoneMatch: string | undefined } {
  const asked = {
    "Idempotency-Key": keepsAnswers(route) ? request.get("idempotency-key") : undefined,
    "If-Match": reader === undefined ? undefined : request.get("if-match"),
    "If-None-Match": isTagged(route) ? request.get("if-none-match") : undefined,
  };
  const checked = conditionsSchema.parse(validatePart(conditionsSchema, asked, "headers"));
  return { idempotencyKey: checked["Idempotency-Key"], tags: checked["If-Match"], ifNoneMatch: checked["If-None-Match"] };
}

/** Who calls: the holder of an event token, where the route takes one and there is no key, else of an API key or a session. @throws RequestError UNAUTHENTICATED, RATE_LIMITED, AGENCY_SUSPENDED, CSRF_REFUSED */
async function callerOf(route: RouteDefinition, request: Request, context: RequestContext, gate: Gate): Promise<Access> {
  const sessionToken = readCookie(request.get("cookie"), gate.cookies.sessionName);
  const access = tokenAccess(route, request, gate) ?? (await gate.authenticator.authenticate({ authorization: request.get("authorization"), sessionToken, ip: context.ip }));
  if (access.sessionId !== null) {
    const told = { origin: request.get("origin"), secFetchSite: request.get("sec-fetch-site"), csrf: request.get("fluxo-csrf") };
    assertSameOrigin(request.method, told, gate.pageOrigin, route.isForm === true);
  }
  return { ...access, context };
}

/** What an event token grants: the route's scope, on this execution. @throws RequestError UNAUTHENTICATED */
function tokenAccess(route: RouteDefinition, request: Request, { eventTokens }: Gate): Omit<Access, "context"> | undefined {
  const { token } = request.query;
  if (route.acceptsEventToken !== true || typeof token !== "string" || request.get("authorization") !== undefined) return undefined;
  const { agencyId, tenantId, actor, executionId } = eventTokens.read(token);
  if (request.params["executionId"] !== executionId) throw new RequestError("UNAUTHENTICATED");
  return { actor, agencyId, tenantIds: new Set([tenantId]), tenantId, scopes: new Set(SCOPES.filter((scope) => scope === route.scope)), expiresAt: null, sessionId: null };
}

function contextOf(request: Request, response: Response, trustedProxies: AddressRanges): RequestContext {
  const ip = clientAddressOf(request.socket.remoteAddress, request.get("x-forwarded-for"), trustedProxies);
  return { requestId: requestIdOf(response), ip: ip ?? null, userAgent: request.get("user-agent")?.slice(0, USER_AGENT_MAX) ?? null };
}

function pickHeaders(route: RouteDefinition, request: Request): Record<string, string> {
  const names = Object.keys(route.headers?.shape ?? {});
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = request.get(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function assertDeclared(route: RouteDefinition, answer: Answer): void {
  const declared = route.responses[answer.status];
  if (declared === undefined) throw new Error(`${route.operationId} answered ${answer.status}, which it does not declare.`);
  declared.body?.parse(JSON.parse(JSON.stringify(answer.body)));
}

/** An answer with its entity tag, narrowed to what was asked for, or 304 when the caller has it. */
function finished({ route, reader }: Operation, answer: Answer, fields: ReadonlySet<string> | undefined, ifNoneMatch: string | undefined): Answer {
  const isWhole = isTagged(route) || (reader !== undefined && reader.route.responses[200]?.body === route.responses[answer.status]?.body);
  const tag = isWhole ? entityTagOf(answer) : undefined;
  const headers = { ...answer.headers, ...(tag === undefined ? {} : { ETag: tag }) };
  if (ifNoneMatch !== undefined && isKnownTo(ifNoneMatch, tag)) return { status: 304, headers };
  const choice = fieldsOf(route);
  return { ...answer, headers, ...(fields === undefined || choice === undefined ? {} : { body: onlyFields(choice, fields, answer.body) }) };
}

async function send(response: Response, answer: Answer): Promise<void> {
  response.status(answer.status).set("Cache-Control", "no-store");
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.set(name, typeof value === "string" ? value : [...value]);
  if (answer.content !== undefined) await sendContent(response, answer.content);
  else if (answer.body === undefined) response.end();
  else response.json(answer.body);
}

/** Part by part, as fast as the caller reads. A caller that hangs up is no failure. */
async function sendContent(response: Response, content: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    await pipeline(content, response);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE")) throw error;
  }
}
