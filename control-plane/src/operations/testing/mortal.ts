import { createTenantDb, type TenantDb } from "@fluxo/prisma/database/tenant-db";
import pg from "pg";

/** The connections of a process that dies between two statements. */
export interface Mortal {
  readonly app: pg.Pool;
  readonly system: pg.Pool;
  readonly tenantDb: TenantDb;
  readonly isDead: () => boolean;
  /** Closes what is left. */
  readonly bury: () => Promise<void>;
}

/** @param statements that it lives for; with the next one, all of its connections are cut and whatever it had not committed is undone */
export function createMortal(urls: { readonly appUrl: string; readonly systemUrl: string }, statements: number): Mortal {
  const living = new Set<pg.Client>();
  let left = statements;
  class MortalClient extends pg.Client {
    override connect(...args: unknown[]): never {
      living.add(this);
      this.on("error", () => undefined);
      return Reflect.apply(methodOf("connect"), this, args) as never;
    }

    override query(...args: unknown[]): never {
      left -= 1;
      if (left >= 0) return Reflect.apply(methodOf("query"), this, args) as never;
      for (const client of living) Reflect.get(client, "connection").stream.destroy();
      const error = new Error("The process is dead.");
      const told = args.at(-1);
      if (typeof told === "function") process.nextTick(told, error);
      return (typeof told === "function" ? undefined : Promise.reject(error)) as never;
    }
  }
  const [app, system] = [urls.appUrl, urls.systemUrl].map((connectionString) => new pg.Pool({ connectionString, max: 2, Client: MortalClient }).on("error", () => undefined)) as [pg.Pool, pg.Pool];
  const tenantDb = createTenantDb(app);
  const bury = async (): Promise<void> => {
    left = 0;
    await tenantDb.close();
    for (const client of living) Reflect.get(client, "connection").stream.destroy();
    await Promise.all([app.end(), system.end()]);
  };
  return { app, system, tenantDb, isDead: () => left < 0, bury };
}

/** Of the driver's own client, without its overloads. */
function methodOf(name: "connect" | "query"): (...args: unknown[]) => unknown {
  return Reflect.get(pg.Client.prototype, name);
}
