import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { intVariable, loadConfig } from "@fluxo/runtime/config/load";
import { z } from "zod";

/** Every variable that it reads. */
export const apiVariables = z.object({
  HOST: COMMON_VARIABLES.HOST,
  PORT: COMMON_VARIABLES.PORT,
  LOG_LEVEL: COMMON_VARIABLES.LOG_LEVEL,
  NODE_ENV: COMMON_VARIABLES.NODE_ENV,
  FLUXO_APP_DATABASE_URL: COMMON_VARIABLES.FLUXO_APP_DATABASE_URL,
  REDIS_URL: COMMON_VARIABLES.REDIS_URL,
  FLUXO_REDIS_PREFIX: COMMON_VARIABLES.FLUXO_REDIS_PREFIX,
  FLUXO_FAST_LANE: COMMON_VARIABLES.FLUXO_FAST_LANE,
  FLUXO_MASTER_KEY: COMMON_VARIABLES.FLUXO_MASTER_KEY,
  FLUXO_PREVIOUS_MASTER_KEYS: COMMON_VARIABLES.FLUXO_PREVIOUS_MASTER_KEYS,
  FLUXO_MASTER_KEY_FILE: COMMON_VARIABLES.FLUXO_MASTER_KEY_FILE,
  FLUXO_ALLOWED_PRIVATE_HOSTS: COMMON_VARIABLES.FLUXO_ALLOWED_PRIVATE_HOSTS,
  FLUXO_PUBLIC_INGRESS_URL: COMMON_VARIABLES.FLUXO_PUBLIC_INGRESS_URL,
  API_DATABASE_CONNECTIONS: intVariable({ min: 2, max: 200 }).default(10).describe("Connections of this process to PostgreSQL as fluxo_app."),
  API_STOP_DEADLINE_MS: intVariable({ min: 0, max: 300_000 }).default(5_000).describe("How long running requests may take to finish at shutdown."),
});

export type ApiConfig = z.output<typeof apiVariables>;

/** The admin API's configuration. @throws ConfigError naming every variable at fault */
export function apiConfig(env: NodeJS.ProcessEnv): Readonly<ApiConfig> {
  return loadConfig(apiVariables, env);
}
