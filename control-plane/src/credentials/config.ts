import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { loadConfig } from "@fluxo/runtime/config/load";
import { z } from "zod";

/** Every variable that `rewrap` reads. */
export const rewrapVariables = z.object({
  FLUXO_SYSTEM_DATABASE_URL: COMMON_VARIABLES.FLUXO_SYSTEM_DATABASE_URL,
  FLUXO_MASTER_KEY: COMMON_VARIABLES.FLUXO_MASTER_KEY,
  FLUXO_PREVIOUS_MASTER_KEYS: COMMON_VARIABLES.FLUXO_PREVIOUS_MASTER_KEYS,
  FLUXO_MASTER_KEY_FILE: COMMON_VARIABLES.FLUXO_MASTER_KEY_FILE,
});

/** The configuration of `rewrap`. @throws ConfigError naming every variable at fault */
export function rewrapConfig(env: NodeJS.ProcessEnv): Readonly<z.output<typeof rewrapVariables>> {
  return loadConfig(rewrapVariables, env);
}
