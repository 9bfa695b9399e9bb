import { RequestError } from "@fluxo/core/errors/request-error";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import { z } from "zod";
import type { KeyAccess } from "../keys/authenticate.ts";
import { invalid } from "./validate.ts";

const KNOWN_MAX = 100_000;
const noTenant = (): RequestError => new RequestError("NOT_FOUND", { detail: "There is no tenant with this id." });

/** Decides which tenant a request is about. Tenants never change their agency, so what was found once stays true. */
export class TenantScope {
  readonly #tenantDb: TenantDb;
  readonly #known = new Set<string>();

  constructor(tenantDb: TenantDb) {
    this.#tenantDb = tenantDb;
  }

  /**
   * The tenant of a key, or the one that an agency key names in the Fluxo-Tenant header. The key of a tenant may name it too, but no other.
   * @throws RequestError TENANT_REQUIRED, NOT_FOUND, VALIDATION_FAILED
   */
  async ofHeader(access: KeyAccess, header: string | undefined): Promise<string> {
    if (header === undefined) {
      if (access.tenantId === null) throw new RequestError("TENANT_REQUIRED");
      return access.tenantId;
    }
    if (!z.uuid().safeParse(header).success) throw invalid([{ path: "/headers/fluxo-tenant", code: "invalid_format", message: "must be a UUID" }]);
    return this.ofId(access, header.toLowerCase());
  }

  /** The tenant of the path, if the key may know it. @throws RequestError NOT_FOUND */
  async ofId(access: KeyAccess, tenantId: string): Promise<string> {
    if (access.tenantId !== null) {
      if (access.tenantId !== tenantId) throw noTenant();
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
