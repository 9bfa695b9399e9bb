import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { intVariable, loadConfig, type Environment } from "@fluxo/runtime/config/load";
import { z } from "zod";

/** Every variable that it reads. */
export const relayVariables = z.object({
  HOST: COMMON_VARIABLES.HOST,
  PORT: COMMON_VARIABLES.PORT,
  LOG_LEVEL: COMMON_VARIABLES.LOG_LEVEL,
  FLUXO_APP_DATABASE_URL: COMMON_VARIABLES.FLUXO_APP_DATABASE_URL,
  FLUXO_SYSTEM_DATABASE_URL: COMMON_VARIABLES.FLUXO_SYSTEM_DATABASE_URL,
  REDIS_URL: COMMON_VARIABLES.REDIS_URL,
  FLUXO_REDIS_PREFIX: COMMON_VARIABLES.FLUXO_REDIS_PREFIX,
  FLUXO_MASTER_KEY: COMMON_VARIABLES.FLUXO_MASTER_KEY,
  FLUXO_PREVIOUS_MASTER_KEYS: COMMON_VARIABLES.FLUXO_PREVIOUS_MASTER_KEYS,
  INNGEST_BASE_URL: COMMON_VARIABLES.INNGEST_BASE_URL,
  INNGEST_EVENT_KEY: COMMON_VARIABLES.INNGEST_EVENT_KEY,
  RELAY_OUTSTANDING_MAX: intVariable({ min: 1, max: 100_000 })
    .default(200)
    .describe("Executions of one tenant that may be released and not started at one time; the others wait in the outbox."),
  RELAY_STALE_MS: intVariable({ min: 1_000, max: 3_600_000 })
    .default(10_000)
    .describe("Milliseconds that a released execution may take to start before its event is sent again."),
});

export type RelayConfig = Readonly<z.output<typeof relayVariables>>;

/** @throws ConfigError */
export function loadRelayConfig(env: Environment): RelayConfig {
  return loadConfig(relayVariables, env);
}
