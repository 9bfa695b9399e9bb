import { join } from "node:path";
import { migrate, serviceUrl, urlAs } from "../../../scripts/environment/services.ts";
import { waitUntilHealthy, type ManagedProcess } from "../../../scripts/environment/processes.ts";
import { childEnv, ROOT } from "../../../scripts/environment/state.ts";
import { startTestStores, type TestStores } from "../../../scripts/environment/stores.ts";
import pg from "pg";
import { TEST_PASSWORDS } from "../../support/database.ts";

/** What a dispatch benchmark runs on: durable stores of its own with the product's schema, and dispatchers as processes. */
export interface DispatchStage {
  readonly stores: TestStores;
  readonly owner: pg.Pool;
  readonly appUrl: string;
  readonly systemUrl: string;
  /** Of the dispatchers' vault, in base64. */
  readonly masterKey: string;
  readonly print: (text: string) => void;
  /** Starts one dispatcher process of a kind, with these variables over the usual ones; resolves when it is ready. */
  readonly startDispatcher: (kind: string, extraEnv?: Readonly<Record<string, string>>) => Promise<ManagedProcess>;
  stop(): Promise<void>;
}

const READY_MS = 60_000;
const MASTER_KEY = Buffer.alloc(32, 1).toString("base64");

/** Starts the stores and migrates them. */
export async function startStage(options: { readonly dir: string; readonly print: (text: string) => void }): Promise<DispatchStage> {
  const { dir, print } = options;
  const stores = await startTestStores({ dir, isDurable: true, postgresSettings: { track_commit_timestamp: "on", shared_preload_libraries: "pg_stat_statements", "pg_stat_statements.track": "none" } });
  try {
    await migrate({ databaseUrl: stores.databaseUrl, appPassword: TEST_PASSWORDS.app, systemPassword: TEST_PASSWORDS.system });
  } catch (error) {
    await stores.stop();
    throw error;
  }
  const owner = new pg.Pool({ connectionString: stores.databaseUrl, max: 4 });
  owner.on("error", () => undefined);
  const appUrl = urlAs(stores.databaseUrl, "fluxo_app", TEST_PASSWORDS.app);
  const systemUrl = urlAs(stores.databaseUrl, "fluxo_system", TEST_PASSWORDS.system);
  const env = {
    FLUXO_APP_DATABASE_URL: appUrl,
    FLUXO_SYSTEM_DATABASE_URL: systemUrl,
    REDIS_URL: stores.redisUrl,
    FLUXO_REDIS_PREFIX: "fluxo-bench",
    FLUXO_MASTER_KEY: MASTER_KEY,
    LOG_LEVEL: "warn",
    NODE_ENV: "production",
    HOST: "127.0.0.1",
    PORT: String(stores.ports.dispatchers),
  };
  return {
    stores,
    owner,
    appUrl,
    systemUrl,
    masterKey: MASTER_KEY,
    print,
    startDispatcher: async (kind, extraEnv = {}) => {
      const managed = await stores.supervisor.start({ name: `dispatcher-${kind}`, command: process.execPath, args: [join(ROOT, "dispatchers/src/main.ts"), kind], env: childEnv({ ...env, ...extraEnv }), cwd: ROOT, logFile: join(dir, "logs", `dispatcher-${kind}.log`) });
      await waitUntilHealthy(managed, `${serviceUrl(stores.ports.dispatchers)}/readyz`, READY_MS);
      return managed;
    },
    stop: async () => {
      await owner.end();
      await stores.stop();
    },
  };
}
