import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import { PrismaClient, type Prisma } from "../generated/client.ts";

/** The tables as one tenant or one agency sees them, inside one transaction. */
export type ScopedDb = Prisma.TransactionClient;

/** The only way to reach tenant tables through Prisma: every call names whose rows it may see. */
export interface TenantDb {
  /** Runs `work` in one transaction that sees the rows of one tenant. */
  withTenant<R>(tenantId: string, work: (db: ScopedDb) => Promise<R>): Promise<R>;
  /** Runs `work` in one transaction that sees an agency, its tenants, plans and keys, and no tenant's own rows. */
  withAgency<R>(agencyId: string, work: (db: ScopedDb) => Promise<R>): Promise<R>;
  /** Runs `work` in one transaction that sees what is the operator's: agencies, its own plans, keys and members, and nothing of tenants. */
  withOperator<R>(work: (db: ScopedDb) => Promise<R>): Promise<R>;
  close(): Promise<void>;
}

/** @param pool connections of fluxo_app; closed by its owner */
export function createTenantDb(pool: pg.Pool): TenantDb {
  const client = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) });
  const scoped = <R>(setting: "app.tenant_id" | "app.agency_id" | "app.operator", id: string, work: (db: ScopedDb) => Promise<R>): Promise<R> =>
    client.$transaction(
      async (db) => {
        await db.$queryRaw`SELECT set_config(${setting}, ${id}, true)`;
        return work(db);
      },
      { maxWait: 5_000, timeout: 20_000 },
    );
  return {
    withTenant: (tenantId, work) => scoped("app.tenant_id", tenantId, work),
    withAgency: (agencyId, work) => scoped("app.agency_id", agencyId, work),
    withOperator: (work) => scoped("app.operator", "on", work),
    close: () => client.$disconnect(),
  };
}
