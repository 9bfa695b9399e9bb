import { PrismaPg } from "@prisma/adapter-pg";
import type pg from "pg";
import { PrismaClient, type Prisma } from "../generated/client.ts";
import type { Units } from "./units.ts";

/** The tables as one tenant or one agency sees them, inside one transaction. */
export type ScopedDb = Prisma.TransactionClient;

/** The only way to reach tenant tables through Prisma: every call names whose rows it may see. */
export interface TenantDb {
  /** Runs `work` in one transaction that sees the rows of one tenant. */
  withTenant<R>(tenantId: string, work: (db: ScopedDb) => Promise<R>): Promise<R>;
  /** Runs `work` in one transaction that sees an agency, its tenants, plans and keys, and no tenant's own rows. */
  withAgency<R>(agencyId: string, work: (db: ScopedDb) => Promise<R>): Promise<R>;
  /** Runs `work` in one transaction that looks at what an agency may see across its tenants: lists without payloads. It writes nothing. */
  acrossTenants<R>(agencyId: string, work: (db: ScopedDb) => Promise<R>): Promise<R>;
  /** Runs `work` in one transaction that sees what is the operator's: agencies, its own plans, keys and members, and nothing of tenants. */
  withOperator<R>(work: (db: ScopedDb) => Promise<R>): Promise<R>;
  close(): Promise<void>;
}

/** What a transaction sees: exactly one is set, the others are empty. */
interface Scope {
  readonly tenantId?: string;
  readonly agencyId?: string;
  readonly operator?: "on";
}

/**
 * @param pool connections of fluxo_app; closed by its owner
 * @param units those that `pool` belongs to, where it does: transactions then join the unit of work that they are called in
 */
export function createTenantDb(pool: pg.Pool, units?: Units): TenantDb {
  const client = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: false }) });
  const begin = <R>({ tenantId = "", agencyId = "", operator }: Scope, work: (db: ScopedDb) => Promise<R>): Promise<R> =>
    client.$transaction(
      async (db) => {
        // All of them, always: in a unit of work, an earlier transaction may have left another one.
        await db.$queryRaw`SELECT set_config('app.tenant_id', ${tenantId}, true), set_config('app.agency_id', ${agencyId}, true), set_config('app.operator', ${operator ?? ""}, true)`;
        return work(db);
      },
      { maxWait: 5_000, timeout: 20_000 },
    );
  const scoped = <R>(scope: Scope, work: (db: ScopedDb) => Promise<R>): Promise<R> =>
    units === undefined ? begin(scope, work) : units.nested((inside) => begin(scope, (db) => inside(() => work(db))));
  return {
    withTenant: (tenantId, work) => scoped({ tenantId }, work),
    withAgency: (agencyId, work) => scoped({ agencyId }, work),
    acrossTenants: (agencyId, work) =>
      scoped({ agencyId }, async (db) => {
        // A role of its own, so that its policies are no part of any other statement. An error takes it back with the transaction.
        await db.$queryRaw`SELECT set_config('role', 'fluxo_agency', true)`;
        const result = await work(db);
        await db.$queryRaw`SELECT set_config('role', 'none', true)`;
        return result;
      }),
    withOperator: (work) => scoped({ operator: "on" }, work),
    close: () => client.$disconnect(),
  };
}
