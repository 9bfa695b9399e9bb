import { z } from "zod";
import { AGENCY_SCOPES, OPERATOR_SCOPES, SCOPES, TENANT_SCOPES, type Scope } from "./scopes.ts";

/** Roles of members of an agency. */
export const AGENCY_ROLES = ["agencyAdmin", "builder", "viewer", "reviewer"] as const;
/** Roles of people. `operator` is the role of everybody who belongs to the operator. */
export const ROLES = ["operator", ...AGENCY_ROLES] as const;
export type AgencyRole = (typeof AGENCY_ROLES)[number];
export type Role = (typeof ROLES)[number];

/** What each role may do. Reviewers read what they review; the scope of reviews themselves comes with them. */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  operator: OPERATOR_SCOPES,
  agencyAdmin: AGENCY_SCOPES,
  builder: ["plans:read", "tenants:read", "usage:read", "templates:read", "templates:write", "workflows:read", "workflows:write", "executions:read", "executions:write", "credentials:read", "credentials:write"],
  viewer: ["plans:read", "tenants:read", "usage:read", "templates:read", "workflows:read", "executions:read", "credentials:read"],
  reviewer: ["tenants:read", "workflows:read", "executions:read"],
};

/** What a member may do. Whoever is bound to tenants has nothing of what belongs to the agency as a whole. */
export function scopesOfRole(role: Role, isBound: boolean): ReadonlySet<Scope> {
  const granted = ROLE_SCOPES[role];
  const reach: readonly Scope[] = isBound ? TENANT_SCOPES : SCOPES;
  return new Set(reach.filter((scope) => granted.includes(scope)));
}

export const agencyRoleSchema = z.enum(AGENCY_ROLES).meta({ description: "What the member may do; see docs/access.md.", example: "builder" });
export const roleSchema = z.enum(ROLES).meta({ description: "What the member may do; see docs/access.md.", example: "builder" });
