import { z } from "zod";

/** What an API key may do. `…:read` looks, `…:write` changes. */
export const SCOPES = [
  "tenants:read",
  "tenants:write",
  "keys:read",
  "keys:write",
  "workflows:read",
  "workflows:write",
  "executions:read",
  "executions:write",
  "credentials:read",
  "credentials:write",
] as const;
export type Scope = (typeof SCOPES)[number];

/** Scopes that mean something to the key of one tenant; the others belong to agency keys. */
export const TENANT_SCOPES = ["tenants:read", "workflows:read", "workflows:write", "executions:read", "executions:write", "credentials:read", "credentials:write"] as const satisfies readonly Scope[];
export type TenantScope = (typeof TENANT_SCOPES)[number];

export const scopeSchema = z.enum(SCOPES).meta({ description: "What the key may do.", example: "workflows:read" });
export const tenantScopeSchema = z.enum(TENANT_SCOPES).meta({ description: "What the key of a tenant may do.", example: "workflows:read" });
