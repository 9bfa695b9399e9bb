import { COPY_BYTES_MAX } from "@fluxo/prisma/files/file-copies";
import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { intVariable, loadConfig, type Environment } from "@fluxo/runtime/config/load";
import { z } from "zod";

/** Every variable that it reads. */
export const dispatcherVariables = z.object({
  HOST: COMMON_VARIABLES.HOST,
  PORT: COMMON_VARIABLES.PORT,
  LOG_LEVEL: COMMON_VARIABLES.LOG_LEVEL,
  FLUXO_APP_DATABASE_URL: COMMON_VARIABLES.FLUXO_APP_DATABASE_URL,
  FLUXO_SYSTEM_DATABASE_URL: COMMON_VARIABLES.FLUXO_SYSTEM_DATABASE_URL,
  REDIS_URL: COMMON_VARIABLES.REDIS_URL,
  FLUXO_REDIS_PREFIX: COMMON_VARIABLES.FLUXO_REDIS_PREFIX,
  FLUXO_MASTER_KEY: COMMON_VARIABLES.FLUXO_MASTER_KEY,
  FLUXO_PREVIOUS_MASTER_KEYS: COMMON_VARIABLES.FLUXO_PREVIOUS_MASTER_KEYS,
  FLUXO_MASTER_KEY_FILE: COMMON_VARIABLES.FLUXO_MASTER_KEY_FILE,
  FLUXO_ALLOWED_PRIVATE_HOSTS: COMMON_VARIABLES.FLUXO_ALLOWED_PRIVATE_HOSTS,
  DISPATCHER_LEASE_MS: intVariable({ min: 1_000, max: 600_000 })
    .default(30_000)
    .describe("Milliseconds after which a trigger whose dispatcher died is dispatched by another one."),
  DISPATCHER_FILE_ROOT: z
    .string()
    .trim()
    .min(1)
    .optional()
    .describe("The folder that holds a folder per tenant, named by the tenant's id, for triggers that watch files (docs/triggers-file.md). Without it no folder is watched; buckets are."),
  DISPATCHER_FILE_BYTES_MAX: intVariable({ min: 0, max: COPY_BYTES_MAX })
    .default(104_857_600)
    .describe("Bytes of a watched file or object whose content is given, at most, whatever its trigger asks for; larger ones are told without it."),
  DISPATCHER_HELD_MAX: intVariable({ min: 0, max: 20_000 })
    .default(500)
    .describe("Connections that one process holds to sources that tell of news (IMAP IDLE), at one time; what has no place is polled. 0: none are held."),
  DISPATCHER_HELD_PER_HOST_MAX: intVariable({ min: 1, max: 20_000 }).default(100).describe("Of these, to one host."),
  DISPATCHER_BATCH: intVariable({ min: 1, max: 5_000 }).default(500).describe("Due triggers that are claimed by one statement."),
});

export type DispatcherConfig = Readonly<z.output<typeof dispatcherVariables>>;

/** @throws ConfigError */
export function loadDispatcherConfig(env: Environment): DispatcherConfig {
  return loadConfig(dispatcherVariables, env);
}
