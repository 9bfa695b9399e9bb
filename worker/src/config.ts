import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { intVariable, loadConfig, urlVariable } from "@fluxo/runtime/config/load";
import { z } from "zod";

/** Every variable that it reads. */
export const workerVariables = z.object({
  HOST: COMMON_VARIABLES.HOST,
  PORT: COMMON_VARIABLES.PORT,
  LOG_LEVEL: COMMON_VARIABLES.LOG_LEVEL,
  NODE_ENV: COMMON_VARIABLES.NODE_ENV,
  FLUXO_APP_DATABASE_URL: COMMON_VARIABLES.FLUXO_APP_DATABASE_URL,
  FLUXO_SYSTEM_DATABASE_URL: COMMON_VARIABLES.FLUXO_SYSTEM_DATABASE_URL,
  REDIS_URL: COMMON_VARIABLES.REDIS_URL,
  FLUXO_REDIS_PREFIX: COMMON_VARIABLES.FLUXO_REDIS_PREFIX,
  FLUXO_FAST_LANE: COMMON_VARIABLES.FLUXO_FAST_LANE,
  INNGEST_BASE_URL: COMMON_VARIABLES.INNGEST_BASE_URL,
  INNGEST_EVENT_KEY: COMMON_VARIABLES.INNGEST_EVENT_KEY,
  INNGEST_SIGNING_KEY: COMMON_VARIABLES.INNGEST_SIGNING_KEY,
  FLUXO_MASTER_KEY: COMMON_VARIABLES.FLUXO_MASTER_KEY,
  FLUXO_PREVIOUS_MASTER_KEYS: COMMON_VARIABLES.FLUXO_PREVIOUS_MASTER_KEYS,
  FLUXO_MASTER_KEY_FILE: COMMON_VARIABLES.FLUXO_MASTER_KEY_FILE,
  FLUXO_ALLOWED_PRIVATE_HOSTS: COMMON_VARIABLES.FLUXO_ALLOWED_PRIVATE_HOSTS,
  WORKER_SERVE_URL: urlVariable(["http", "https"]).describe("The address at which the Inngest server reaches the workers: http://<service>:<port>."),
  WORKER_LEASE_MS: intVariable({ min: 2_000, max: 300_000 })
    .default(10_000)
    .describe("How long an execution stays with a worker that no longer answers. Extended each quarter of it."),
  WORKER_DATABASE_CONNECTIONS: intVariable({ min: 2, max: 200 }).default(10).describe("Connections of this worker to PostgreSQL as fluxo_app."),
  FLUXO_SANDBOX_PROCESSES: intVariable({ min: 1, max: 64 })
    .default(2)
    .describe("Pieces of tenants' code that this worker runs at the same time, each in a process of its own; as many processes again are kept ready. One tenant gets at most half."),
  FLUXO_SANDBOX_MEMORY_MIB: intVariable({ min: 8, max: 1_024 }).default(64).describe("The most memory that a piece of tenants' code may use, in MiB. Its process takes about 100 MiB more."),
  WORKER_STOP_DEADLINE_MS: intVariable({ min: 0, max: 300_000 })
    .default(10_000)
    .describe("How long running executions may take to finish at shutdown, before they are handed to other workers."),
});

export type WorkerConfig = z.output<typeof workerVariables>;

/** The worker's configuration. @throws ConfigError naming every variable at fault */
export function workerConfig(env: NodeJS.ProcessEnv): Readonly<WorkerConfig> {
  return loadConfig(workerVariables, env);
}
