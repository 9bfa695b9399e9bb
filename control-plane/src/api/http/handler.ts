import type { RouteDefinition, RouteInput, RouteResult, Subject } from "@fluxo/contracts/http/route";
import type { Access, AgencyAccess, OperatorAccess, RequestContext, TenantAccess, TenantsAccess } from "../access/access.ts";
import type { ApiServices } from "../services.ts";

interface AccessBySubject {
  readonly none: undefined;
  readonly caller: Access;
  readonly operator: OperatorAccess;
  readonly agency: AgencyAccess;
  readonly tenant: TenantAccess;
  readonly tenants: TenantsAccess;
  readonly pathTenant: TenantAccess;
}

/** What the caller of a request may touch, as the route's subject promises it. */
export type AccessOf<R extends RouteDefinition> = AccessBySubject[R["subject"] & Subject];

/** A request that passed authentication, scope and schema. */
export interface HandlerRequest<R extends RouteDefinition> extends RouteInput<R> {
  readonly access: AccessOf<R>;
  readonly context: RequestContext;
}

/** Does what one route promises. @throws RequestError for expected refusals */
export type Handler<R extends RouteDefinition> = (request: HandlerRequest<R>, services: ApiServices) => Promise<RouteResult<R>> | RouteResult<R>;

/** One handler per route: a missing or a superfluous one does not compile. */
export type Handlers<T extends Readonly<Record<string, RouteDefinition>>> = { readonly [K in keyof T]: Handler<T[K]> };
