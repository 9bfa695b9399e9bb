import { RequestError } from "@fluxo/core/errors/request-error";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import { z } from "zod";
import type { Access } from "../access/access.ts";
import { invalid } from "./validate.ts";

const KNOWN_MAX = 100_000;
const noTenant = (): RequestError => new RequestError("NOT_FOUND", { detail: "There is no tenant with this id." });

type Reach = Pick<Access, "tenantId" | "tenantIds"> & { readonly agencyId: string };

/** Decides which tenant a request is about. Tenants never change their agency, so what was found once stays true. */
export class TenantScope {
  readonly #tenantDb: TenantDb;
  readonly #known = new Set<string>();

  constructor(tenantDb: TenantDb) {
    this.#tenantDb = tenantDb;
  }

  /**
   * The only tenant that the caller reaches, or the one that it names in the Fluxo-Tenant header.
   * @throws RequestError TENANT_REQUIRED, NOT_FOUND, VALIDATION_FAILED
   */
  async ofHeader(access: Reach, header: string | undefined): Promise<string> {
    if (header === undefined) {
      if (access.tenantId === null) throw new RequestError("TENANT_REQUIRED");
      return access.tenantId;
    }
    if (!z.uuid().safeParse(header).success) throw invalid([{ path: "/headers/fluxo-tenant", code: "invalid_format", message: "must be a UUID" }]);
    return this.ofId(access, header.toLowerCase());
  }

  /** The tenant of the path, if the caller may know it. @throws RequestError NOT_FOUND */
  async ofId(access: Reach, tenantId: string): Promise<string> {
    if (access.tenantIds !== null) {
      if (!access.tenantIds.has(tenantId)) throw noTenant();
      return tenantId;
    }
    const pair = `${access.agencyId}/${tenantId}`;
    if (this.#known.has(pair)) return tenantId;
    const tenant = await this.#tenantDb.withAgency(access.agencyId, (db) => findTenant(db, tenantId));
    if (tenant === undefined) throw noTenant();
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.add(pair);
    return tenantId;
  }
}
