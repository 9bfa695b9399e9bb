import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { loadConfig } from "@fluxo/runtime/config/load";
import { z } from "zod";

/** Every variable that it reads. */
export const bootstrapVariables = z.object({ FLUXO_SYSTEM_DATABASE_URL: COMMON_VARIABLES.FLUXO_SYSTEM_DATABASE_URL });

/** The configuration of `bootstrap`. @throws ConfigError naming every variable at fault */
export function bootstrapConfig(env: NodeJS.ProcessEnv): Readonly<z.output<typeof bootstrapVariables>> {
  return loadConfig(bootstrapVariables, env);
}
