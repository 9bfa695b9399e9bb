import { AGENCY_ROLES, ROLE_SCOPES, type AgencyRole } from "@fluxo/contracts/http/roles";
import type { RouteDefinition, Subject } from "@fluxo/contracts/http/route";
import { AGENCY_SCOPES, OPERATOR_SCOPES, TENANT_SCOPES, type Scope } from "@fluxo/contracts/http/scopes";

/** What a caller reaches. */
type Reach = "operator" | "agency" | "tenant";

/** A kind of caller, as the matrix has a column for it. */
export interface MatrixCaller {
  readonly name: string;
  readonly reach: Reach;
  readonly scopes: readonly Scope[];
  /** Of people; absent for keys. */
  readonly role?: "operator" | AgencyRole;
}

/** Every kind of key, every role, and every role of an agency bound to a tenant. */
export const MATRIX_CALLERS: readonly MatrixCaller[] = [
  { name: "operator's key", reach: "operator", scopes: OPERATOR_SCOPES },
  { name: "agency's key", reach: "agency", scopes: AGENCY_SCOPES },
  { name: "tenant's key", reach: "tenant", scopes: TENANT_SCOPES },
  { name: "operator", reach: "operator", scopes: ROLE_SCOPES.operator, role: "operator" },
  ...AGENCY_ROLES.map((role): MatrixCaller => ({ name: role, reach: "agency", scopes: ROLE_SCOPES[role], role })),
  ...AGENCY_ROLES.map((role): MatrixCaller => ({ name: `${role}, bound`, reach: "tenant", scopes: ROLE_SCOPES[role].filter((scope) => (TENANT_SCOPES as readonly Scope[]).includes(scope)), role })),
];

/** Who may have to do with the things of each subject: the rule itself, told apart from the code that enforces it. */
const REACHES: Readonly<Record<Subject, readonly Reach[]>> = {
  none: ["operator", "agency", "tenant"],
  caller: ["operator", "agency", "tenant"],
  operator: ["operator"],
  agency: ["agency"],
  tenant: ["agency", "tenant"],
  tenants: ["agency", "tenant"],
  pathTenant: ["agency", "tenant"],
};

/** Whether a caller of this kind may call an operation at all. */
export function mayCall({ scope, subject }: RouteDefinition, caller: MatrixCaller): boolean {
  if (scope === "public") return true;
  return REACHES[subject].includes(caller.reach) && (scope === "authenticated" || caller.scopes.includes(scope));
}
