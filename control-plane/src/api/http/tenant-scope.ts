import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findTenant, type TenantRecord } from "@fluxo/prisma/repositories/tenants";
import { z } from "zod";
import type { Access } from "../access/access.ts";
import { BriefCache } from "../access/brief-cache.ts";
import { invalid } from "./validate.ts";

const noTenant = (): RequestError => new RequestError("NOT_FOUND", { detail: "There is no tenant with this id." });

type Reach = Pick<Access, "tenantId" | "tenantIds"> & { readonly agencyId: string };

/** What a request has to know of the tenant that it is about. */
export type ScopedTenant = Pick<TenantRecord, "id" | "status">;

/** Decides which tenant a request is about. An erased tenant is gone, and one that is being off-boarded takes no more changes, after a second at the latest. */
export class TenantScope {
  /** By the id of the agency and that of the tenant: of another agency there is no such tenant. */
  readonly #tenants: BriefCache<ScopedTenant>;

  constructor(tenantDb: TenantDb, clock: Clock) {
    this.#tenants = new BriefCache((pair) => {
      const [agencyId = "", tenantId = ""] = pair.split("/");
      return tenantDb.withAgency(agencyId, (db) => findTenant(db, tenantId));
    }, clock);
  }

  /**
   * The only tenant that the caller reaches, or the one that it names in the Fluxo-Tenant header.
   * @throws RequestError TENANT_REQUIRED, NOT_FOUND, VALIDATION_FAILED
   */
  async ofHeader(access: Reach, header: string | undefined): Promise<ScopedTenant> {
    if (header === undefined) {
      if (access.tenantId === null) throw new RequestError("TENANT_REQUIRED");
      return this.ofId(access, access.tenantId);
    }
    if (!z.uuid().safeParse(header).success) throw invalid([{ path: "/headers/fluxo-tenant", code: "invalid_format", message: "must be a UUID" }]);
    return this.ofId(access, header.toLowerCase());
  }

  /** The tenant of the path, if the caller may know it. @throws RequestError NOT_FOUND */
  async ofId(access: Reach, tenantId: string): Promise<ScopedTenant> {
    if (access.tenantIds !== null && !access.tenantIds.has(tenantId)) throw noTenant();
    const tenant = await this.#tenants.get(`${access.agencyId}/${tenantId}`);
    if (tenant === undefined) throw noTenant();
    return tenant;
  }
}
