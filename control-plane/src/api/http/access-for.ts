import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Access, AgencyAccess, OperatorAccess, TenantAccess } from "../access/access.ts";
import type { TenantScope } from "./tenant-scope.ts";

/** Refuses callers without the route's scope, and those whose things the route is not about. @throws RequestError SCOPE_MISSING */
export function assertMayCall({ scope, subject }: RouteDefinition, access: Access): void {
  if (scope !== "authenticated" && scope !== "public" && !access.scopes.has(scope)) throw new RequestError("SCOPE_MISSING", { detail: `The caller needs the scope ${scope}.` });
  if (subject === "operator" && !isOperator(access)) throw new RequestError("SCOPE_MISSING", { detail: "This operation is the operator's." });
  if (subject !== "operator" && subject !== "caller" && subject !== "none" && access.agencyId === null) {
    throw new RequestError("SCOPE_MISSING", { detail: "This operation is about an agency's own things; the caller is the operator." });
  }
  if (subject === "agency" && !isAgency(access)) throw new RequestError("SCOPE_MISSING", { detail: "This operation is the agency's; the caller is bound to tenants." });
}

/**
 * The access that the route's subject promises its handler. Only for callers that passed `assertMayCall`.
 * @param params of the path, validated
 * @throws RequestError TENANT_REQUIRED, NOT_FOUND, VALIDATION_FAILED, TENANT_OFFBOARDING for a change of a tenant that can be read only
 */
export async function accessFor({ subject, method }: RouteDefinition, access: Access, header: string | undefined, params: unknown, tenants: TenantScope): Promise<Access> {
  if (subject !== "tenant" && subject !== "tenants" && subject !== "pathTenant") return access;
  const { agencyId } = access;
  if (agencyId === null) throw new Error("The operator passed for a tenant's operation.");
  const ofAgency = { ...access, agencyId };
  // Whoever is bound to several tenants names one: an agency-wide read would show the others too.
  if (subject === "tenants" && header === undefined && access.tenantIds === null) return ofAgency;
  const tenant = subject === "pathTenant" ? await tenants.ofId(ofAgency, pathTenant(params)) : await tenants.ofHeader(ofAgency, header);
  if (tenant.status === "OFFBOARDING" && method !== "get") throw new RequestError("TENANT_OFFBOARDING");
  return { ...ofAgency, tenantId: tenant.id } satisfies TenantAccess;
}

function isOperator(access: Access): access is OperatorAccess {
  return access.agencyId === null;
}

function isAgency(access: Access): access is AgencyAccess {
  return access.agencyId !== null && access.tenantIds === null;
}

function pathTenant(params: unknown): string {
  if (typeof params === "object" && params !== null && "tenantId" in params && typeof params.tenantId === "string") return params.tenantId;
  throw new Error("A route about the tenant of its path has no parameter tenantId.");
}
