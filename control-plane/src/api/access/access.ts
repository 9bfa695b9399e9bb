import type { Actor } from "@fluxo/contracts/http/access";
import type { Scope } from "@fluxo/contracts/http/scopes";

/** Where a request came from, for the audit log. */
export interface RequestContext {
  readonly requestId: string;
  /** The caller's address; null when the connection is gone already. */
  readonly ip: string | null;
  /** At most 500 characters of what the caller says it is; null for nothing. */
  readonly userAgent: string | null;
}

/** Who calls, what it reaches and what it may do there. The operator reaches agencies and none of their tenants. */
export interface Access {
  readonly actor: Actor;
  /** null: the operator. */
  readonly agencyId: string | null;
  /** The only tenants that the caller reaches; null: not bound to tenants. */
  readonly tenantIds: ReadonlySet<string> | null;
  /** The tenant that the request is about, or the only one that the caller reaches. */
  readonly tenantId: string | null;
  readonly scopes: ReadonlySet<Scope>;
  readonly expiresAt: Date | null;
  /** The session of a person; null for keys. */
  readonly sessionId: string | null;
  readonly context: RequestContext;
}

/** The operator's access. */
export interface OperatorAccess extends Access {
  readonly agencyId: null;
  readonly tenantIds: null;
  readonly tenantId: null;
}

/** Access to an agency as a whole. */
export interface AgencyAccess extends Access {
  readonly agencyId: string;
  readonly tenantIds: null;
  readonly tenantId: null;
}

/** Access to one tenant, or with `tenantId` null to all that the caller reaches. */
export interface TenantsAccess extends Access {
  readonly agencyId: string;
}

/** Access to one tenant: bound to it, or of its agency. */
export interface TenantAccess extends Access {
  readonly agencyId: string;
  readonly tenantId: string;
}
