import { z } from "zod";

/** What a caller may do. `…:read` looks, `…:write` changes. */
export const SCOPES = [
  "agencies:read",
  "agencies:write",
  "plans:read",
  "plans:write",
  "tenants:read",
  "tenants:write",
  "keys:read",
  "keys:write",
  "members:read",
  "members:write",
  "usage:read",
  "audit:read",
  "templates:read",
  "templates:write",
  "workflows:read",
  "workflows:write",
  "executions:read",
  "executions:write",
  "credentials:read",
  "credentials:write",
] as const;
export type Scope = (typeof SCOPES)[number];

/** Scopes that mean something to the operator, who sees agencies, and nothing of their tenants. */
export const OPERATOR_SCOPES = ["agencies:read", "agencies:write", "plans:read", "plans:write", "keys:read", "keys:write", "members:read", "members:write", "usage:read", "audit:read"] as const satisfies readonly Scope[];

/** Scopes that mean something to an agency: all but the operator's own. */
export const AGENCY_SCOPES = [
  "plans:read",
  "plans:write",
  "tenants:read",
  "tenants:write",
  "keys:read",
  "keys:write",
  "members:read",
  "members:write",
  "usage:read",
  "audit:read",
  "templates:read",
  "templates:write",
  "workflows:read",
  "workflows:write",
  "executions:read",
  "executions:write",
  "credentials:read",
  "credentials:write",
] as const satisfies readonly Scope[];

/** Scopes that mean something to the key of one tenant. */
export const TENANT_SCOPES = [
  "plans:read",
  "tenants:read",
  "usage:read",
  "workflows:read",
  "workflows:write",
  "executions:read",
  "executions:write",
  "credentials:read",
  "credentials:write",
] as const satisfies readonly Scope[];
export type TenantScope = (typeof TENANT_SCOPES)[number];

export const scopeSchema = z.enum(SCOPES).meta({ description: "What the caller may do.", example: "workflows:read" });
export const tenantScopeSchema = z.enum(TENANT_SCOPES).meta({ description: "What the key of a tenant may do.", example: "workflows:read" });
