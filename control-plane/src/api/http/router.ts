import { pipeline } from "node:stream/promises";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { SCOPES } from "@fluxo/contracts/http/scopes";
import { RequestError } from "@fluxo/core/errors/request-error";
import express, { type Request, type Response, type Router } from "express";
import type { EventTokens } from "../../live/event-token.ts";
import type { Access, RequestContext } from "../access/access.ts";
import type { Authenticator } from "../access/authenticate.ts";
import type { ApiServices } from "../services.ts";
import { accessFor, assertMayCall } from "./access-for.ts";
import { readJsonBody } from "./body.ts";
import { requestIdOf } from "./request-id.ts";
import type { TenantScope } from "./tenant-scope.ts";
import { validatePart, withLists } from "./validate.ts";

const USER_AGENT_MAX = 500;

/** What the router needs to let a request through. */
export interface Gate {
  readonly authenticator: Authenticator;
  readonly tenants: TenantScope;
  readonly eventTokens: EventTokens;
  /** Check answers against their schemas too. Tests do; in production the types are enough. */
  readonly checksAnswers: boolean;
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly content?: AsyncIterable<Uint8Array>;
}

/** A handler without its own types, which `Handlers` has checked: `requestFor` gives it what its route promises. */
type AnyHandler = (request: never, services: ApiServices) => Promise<Answer> | Answer;

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
    router[route.method](path, async (request: Request, response: Response) => {
      const given = await requestFor(route, request, response, gate);
      await send(response, route, await handler(given as never, services), gate.checksAnswers);
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

/** Authentication, scope, tenant, then the parts of the request: each check before the next one spends anything. */
async function requestFor(route: RouteDefinition, request: Request, response: Response, gate: Gate): Promise<unknown> {
  const caller = route.scope === "public" ? undefined : await callerOf(route, request, response, gate);
  if (caller !== undefined) assertMayCall(route, caller);
  const params = validatePart(route.params, request.params, "params");
  const access = caller === undefined ? undefined : await accessFor(route, caller, request.get("fluxo-tenant"), params, gate.tenants);
  const query = validatePart(route.query, route.query === undefined ? {} : withLists(route.query, request.query), "query");
  const headers = validatePart(route.headers, pickHeaders(route, request), "headers");
  const body = route.body === undefined ? undefined : validatePart(route.body, await readJsonBody(request, response), "body");
  return { access, params, query, headers, body };
}

/** Who calls: the holder of an event token, where the route takes one and there is no key, else an API key. @throws RequestError UNAUTHENTICATED */
async function callerOf(route: RouteDefinition, request: Request, response: Response, gate: Gate): Promise<Access> {
  const access = tokenAccess(route, request, gate) ?? (await gate.authenticator.byKey(request.get("authorization")));
  return { ...access, context: contextOf(request, response) };
}

/** What an event token grants: the route's scope, on this execution. @throws RequestError UNAUTHENTICATED */
function tokenAccess(route: RouteDefinition, request: Request, { eventTokens }: Gate): Omit<Access, "context"> | undefined {
  const { token } = request.query;
  if (route.acceptsEventToken !== true || typeof token !== "string" || request.get("authorization") !== undefined) return undefined;
  const { agencyId, tenantId, actor, executionId } = eventTokens.read(token);
  if (request.params["executionId"] !== executionId) throw new RequestError("UNAUTHENTICATED");
  return { actor, agencyId, tenantIds: new Set([tenantId]), tenantId, scopes: new Set(SCOPES.filter((scope) => scope === route.scope)), expiresAt: null };
}

function contextOf(request: Request, response: Response): RequestContext {
  return { requestId: requestIdOf(response), ip: request.ip ?? null, userAgent: request.get("user-agent")?.slice(0, USER_AGENT_MAX) ?? null };
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

async function send(response: Response, route: RouteDefinition, answer: Answer, checksAnswers: boolean): Promise<void> {
  if (checksAnswers) {
    const declared = route.responses[answer.status];
    if (declared === undefined) throw new Error(`${route.operationId} answered ${answer.status}, which it does not declare.`);
    declared.body?.parse(JSON.parse(JSON.stringify(answer.body)));
  }
  response.status(answer.status).set("Cache-Control", "no-store");
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.set(name, value);
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
