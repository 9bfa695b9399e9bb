import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { TenantDb } from "@fluxo/prisma/database/tenant-db";
import { findTenant, type TenantRecord } from "@fluxo/prisma/repositories/tenants";
import { z } from "zod";
import type { Access } from "../access/access.ts";
import { invalid } from "./validate.ts";

/** An erased tenant is gone, and one that is being off-boarded takes no more changes, after this time at the latest. */
const TTL_MS = 1_000;
const KNOWN_MAX = 10_000;
const noTenant = (): RequestError => new RequestError("NOT_FOUND", { detail: "There is no tenant with this id." });

type Reach = Pick<Access, "tenantId" | "tenantIds"> & { readonly agencyId: string };

/** What a request has to know of the tenant that it is about. */
export type ScopedTenant = Pick<TenantRecord, "id" | "status">;

interface Entry {
  readonly tenant: Promise<ScopedTenant | undefined>;
  readonly untilMs: number;
}

/** Decides which tenant a request is about. Remembers tenants for a second; requests of one moment share one query. */
export class TenantScope {
  readonly #tenantDb: TenantDb;
  readonly #clock: Clock;
  readonly #known = new Map<string, Entry>();

  constructor(tenantDb: TenantDb, clock: Clock) {
    this.#tenantDb = tenantDb;
    this.#clock = clock;
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
    const tenant = await this.#find(access.agencyId, tenantId);
    if (tenant === undefined) throw noTenant();
    return tenant;
  }

  async #find(agencyId: string, tenantId: string): Promise<ScopedTenant | undefined> {
    const pair = `${agencyId}/${tenantId}`;
    const nowMs = this.#clock.now().getTime();
    const known = this.#known.get(pair);
    if (known !== undefined && known.untilMs > nowMs) return known.tenant;
    const tenant = this.#tenantDb.withAgency(agencyId, (db) => findTenant(db, tenantId));
    // Deleting first moves the entry to the end, so that the oldest one is always the first.
    this.#known.delete(pair);
    this.#known.set(pair, { tenant, untilMs: nowMs + TTL_MS });
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest);
    try {
      return await tenant;
    } catch (error) {
      this.#known.delete(pair);
      throw error;
    }
  }
}
