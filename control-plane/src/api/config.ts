import { COMMON_VARIABLES } from "@fluxo/runtime/config/common";
import { intVariable, listVariable, loadConfig, secretVariable, urlVariable } from "@fluxo/runtime/config/load";
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
  FLUXO_PUBLIC_API_URL: urlVariable(["http", "https"]).optional().describe("The address under which people reach the admin API: https://api.example.com. Needed for signing in; cookies get the prefix __Host- and Secure when it is https."),
  API_TRUSTED_PROXIES: listVariable({ pattern: /^[0-9A-Fa-f:.]+(?:\/\d{1,3})?$/, shape: "addresses and networks, such as 10.0.0.0/8" })
    .default([])
    .describe("The proxies in front of the admin API, whose X-Forwarded-For is believed, for the audit log and for limits per address."),
  API_OIDC_ISSUER: urlVariable(["http", "https"]).optional().describe("The identity provider that people sign in with (OpenID Connect): its issuer, as it names itself. Absent: people cannot sign in, API keys work."),
  API_OIDC_CLIENT_ID: z.string().trim().min(1).optional().describe("Fluxo as the identity provider knows it. The redirect URI to register there is <FLUXO_PUBLIC_API_URL>/auth/callback."),
  API_OIDC_CLIENT_SECRET: secretVariable({ minLength: 8 }).optional().describe("The secret of this client at the identity provider."),
  API_SESSION_IDLE_MINUTES: intVariable({ min: 5, max: 10_080 }).default(60).describe("A session that is not used for so long ends."),
  API_SESSION_HOURS: intVariable({ min: 1, max: 720 }).default(12).describe("A session ends after this time, however much it is used."),
  API_FAILURES_PER_ADDRESS: intVariable({ min: 5, max: 100_000 }).default(60).describe("Failed authentications from one address (IPv6: one /64) in a minute; beyond it every request from there is refused until the minute is over."),
  API_FAILURES_PER_KEY: intVariable({ min: 5, max: 100_000 }).default(30).describe("Failed authentications with the id of one key in a minute; beyond it the key is refused from addresses that did not use it rightly before."),
  API_EXCHANGES_PER_ADDRESS: intVariable({ min: 1, max: 1_000_000 }).default(300).describe("Provisioning tokens that may come from one address (IPv6: one /64) in a minute, over all processes, whatever becomes of them."),
  API_EXCHANGES_PER_AGENCY: intVariable({ min: 1, max: 1_000_000 }).default(600).describe("Provisioning tokens signed by one agency that may come in a minute, over all processes. Tokens that nobody has signed count as failed authentications of their address."),
  API_DATABASE_CONNECTIONS: intVariable({ min: 2, max: 200 }).default(10).describe("Connections of this process to PostgreSQL as fluxo_app."),
  API_REQUESTS_PER_MINUTE: intVariable({ min: 1, max: 10_000_000 })
    .default(12_000)
    .describe("API requests that one key or person may send in a minute, over all processes. How many may come about one tenant its plan says."),
  API_STOP_DEADLINE_MS: intVariable({ min: 0, max: 300_000 }).default(5_000).describe("How long running requests may take to finish at shutdown."),
});

export type ApiConfig = z.output<typeof apiVariables>;

/** The admin API's configuration. @throws ConfigError naming every variable at fault */
export function apiConfig(env: NodeJS.ProcessEnv): Readonly<ApiConfig> {
  return loadConfig(apiVariables, env);
}
