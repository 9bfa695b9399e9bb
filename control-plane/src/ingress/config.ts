import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { intVariable, listVariable, loadConfig, type Environment } from "@fluxo/runtime/config/load";
import { createAddressRanges } from "@fluxo/runtime/http/client-address";
import { z } from "zod";

/** Every variable that it reads. */
export const ingressVariables = z.object({
  HOST: COMMON_VARIABLES.HOST,
  PORT: COMMON_VARIABLES.PORT,
  LOG_LEVEL: COMMON_VARIABLES.LOG_LEVEL,
  FLUXO_APP_DATABASE_URL: COMMON_VARIABLES.FLUXO_APP_DATABASE_URL,
  REDIS_URL: COMMON_VARIABLES.REDIS_URL,
  FLUXO_REDIS_PREFIX: COMMON_VARIABLES.FLUXO_REDIS_PREFIX,
  FLUXO_FAST_LANE: COMMON_VARIABLES.FLUXO_FAST_LANE,
  FLUXO_MASTER_KEY: COMMON_VARIABLES.FLUXO_MASTER_KEY,
  FLUXO_PREVIOUS_MASTER_KEYS: COMMON_VARIABLES.FLUXO_PREVIOUS_MASTER_KEYS,
  INGRESS_TRUSTED_PROXIES: listVariable({ pattern: /^[0-9A-Fa-f:.]+(?:\/\d{1,3})?$/, shape: "addresses and networks, such as 10.0.0.0/8" })
    .refine(isRanges, "must hold IPv4 or IPv6 addresses, alone or with the bits of their network")
    .default([])
    .describe("Addresses and networks of the proxies before the ingress. From them, and from nobody else, X-Forwarded-For is believed: the caller's address is its last entry that is none of them. Empty: the connection's own address counts."),
  INGRESS_BODY_MEMORY_MIB: intVariable({ min: 2, max: 4_096 })
    .default(64)
    .describe("MiB that requests may hold at one time until they are recorded, each with 64 KiB beside its body; what comes above is answered with 503 and Retry-After, what comes above half of it from one tenant with 429."),
});

export type IngressConfig = Readonly<z.output<typeof ingressVariables>>;

/** @throws ConfigError */
export function loadIngressConfig(env: Environment): IngressConfig {
  return loadConfig(ingressVariables, env);
}

function isRanges(ranges: readonly string[]): boolean {
  try {
    createAddressRanges(ranges);
    return true;
  } catch {
    return false;
  }
}
