import type { RouteDefinition, RouteInput, RouteResult } from "@fluxo/contracts/http/route";
import type { KeyAccess } from "../keys/authenticate.ts";
import type { ApiServices } from "../services.ts";

/** Access to one tenant, by its own key or by its agency's. */
export interface TenantAccess extends Omit<KeyAccess, "tenantId"> {
  readonly tenantId: string;
}

/** What the key of a request may touch, as the route's subject promises it. */
export type AccessOf<R extends RouteDefinition> = R["subject"] extends "tenant" | "pathTenant" ? TenantAccess : R["subject"] extends "none" ? undefined : KeyAccess;

/** A request that passed authentication, scope and schema. */
export interface HandlerRequest<R extends RouteDefinition> extends RouteInput<R> {
  readonly access: AccessOf<R>;
}

/** Does what one route promises. @throws RequestError for expected refusals */
export type Handler<R extends RouteDefinition> = (request: HandlerRequest<R>, services: ApiServices) => Promise<RouteResult<R>> | RouteResult<R>;

/** One handler per route: a missing or a superfluous one does not compile. */
export type Handlers<T extends Readonly<Record<string, RouteDefinition>>> = { readonly [K in keyof T]: Handler<T[K]> };
