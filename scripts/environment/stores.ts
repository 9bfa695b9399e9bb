import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findInngest } from "./inngest-binary.ts";
import { findFreePlan, type PortPlan } from "./ports.ts";
import { createDatabase, type PostgresServer, startPostgres } from "./postgres.ts";
import { type ManagedProcess, type ProcessExit, Supervisor } from "./processes.ts";
import { type RedisServer, startRedis } from "./redis.ts";

export interface TestStores {
  readonly dir: string;
  /** Free ports for everything; `postgres` and `redis` are taken. */
  readonly ports: PortPlan;
  readonly postgres: PostgresServer;
  readonly redis: RedisServer;
  /** Owner's URL of the empty database `fluxo`. */
  readonly databaseUrl: string;
  /** URL of the empty database `inngest`. */
  readonly inngestDatabaseUrl: string;
  readonly redisUrl: string;
  /** Owns all processes; what a test starts through it is stopped with the stores. */
  readonly supervisor: Supervisor;
  /** Finds (or builds) the Inngest server when it is first asked for. */
  findInngest(): Promise<string>;
  /** Stops everything, the last started first. */
  stop(): Promise<void>;
}

export interface TestStoresOptions {
  /** Holds data and logs; made when missing. Removing it afterwards is the caller's to do. */
  readonly dir: string;
  /** Whether PostgreSQL and Redis write to disk as they do in `npm start`; no unless said. */
  readonly isDurable?: boolean;
  /** Settings of PostgreSQL over the usual ones. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Variables of PostgreSQL's process over the usual ones. */
  readonly postgresEnv?: Readonly<Record<string, string>>;
  readonly onUnexpectedExit?: (process: ManagedProcess, exit: ProcessExit) => void;
}

/** Starts a PostgreSQL (fsync off unless durable) and a Redis of their own on free ports, so that nothing of this machine is touched. */
export async function startTestStores(options: TestStoresOptions): Promise<TestStores> {
  const { dir, isDurable = false, postgresSettings = {}, postgresEnv = {}, onUnexpectedExit } = options;
  mkdirSync(dir, { recursive: true });
  const supervisor = new Supervisor({ stateFile: join(dir, "processes.json"), ...(onUnexpectedExit === undefined ? {} : { onUnexpectedExit }) });
  try {
    const ports = await findFreePlan();
    const [postgres, redis] = await Promise.all([
      startPostgres({ supervisor, dir: join(dir, "postgres"), port: ports.postgres, logFile: join(dir, "logs", "postgres.log"), isDurable, settings: postgresSettings, env: postgresEnv }),
      startRedis({ supervisor, dir: join(dir, "redis"), port: ports.redis, logFile: join(dir, "logs", "redis.log"), isDurable }),
    ]);
    await createDatabase(postgres.urlOf("postgres"), "fluxo");
    await createDatabase(postgres.urlOf("postgres"), "inngest");
    return {
      dir, ports, postgres, redis, supervisor,
      databaseUrl: postgres.urlOf("fluxo"),
      inngestDatabaseUrl: postgres.urlOf("inngest"),
      redisUrl: redis.url,
      findInngest: () => findInngest((text) => process.stderr.write(`Inngest server: ${text}\n`)),
      stop: () => supervisor.stopAll(),
    };
  } catch (error) {
    await supervisor.stopAll();
    throw error;
  }
}
