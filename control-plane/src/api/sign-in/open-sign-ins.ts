import { ConfigError } from "@fluxo/runtime/config/load";
import { createGuardedClient } from "@fluxo/runtime/http/guarded-client";
import type { ApiConfig } from "../config.ts";
import { createCookieJar } from "./cookies.ts";
import { IdentityProvider } from "./identity-provider.ts";
import { SignIns, type SignInsOptions } from "./sign-in.ts";

/** The part of the configuration that signing in is about. */
export type SignInConfig = Pick<
  ApiConfig,
  "PORT" | "FLUXO_PUBLIC_API_URL" | "API_OIDC_ISSUER" | "API_OIDC_CLIENT_ID" | "API_OIDC_CLIENT_SECRET" | "API_SESSION_HOURS" | "FLUXO_ALLOWED_PRIVATE_HOSTS"
>;

/** Where people reach the admin API, without a trailing slash. */
export function pageUrlOf({ FLUXO_PUBLIC_API_URL: url, PORT: port }: Pick<SignInConfig, "FLUXO_PUBLIC_API_URL" | "PORT">): string {
  return url ?? `http://127.0.0.1:${port}`;
}

/** @throws ConfigError when the identity provider is configured by halves */
export function openSignIns(config: SignInConfig, ports: Pick<SignInsOptions, "pool" | "box" | "clock" | "ids" | "randomBytes">): SignIns {
  return new SignIns({ ...ports, provider: providerOf(config, ports.clock), cookies: createCookieJar(pageUrlOf(config)), pageUrl: pageUrlOf(config), sessionMs: config.API_SESSION_HOURS * 3_600_000 });
}

function providerOf(config: SignInConfig, clock: SignInsOptions["clock"]): IdentityProvider | undefined {
  const { API_OIDC_ISSUER: issuer, API_OIDC_CLIENT_ID: clientId, API_OIDC_CLIENT_SECRET: clientSecret, FLUXO_PUBLIC_API_URL: pageUrl } = config;
  if (issuer === undefined) return undefined;
  const missing = Object.entries({ API_OIDC_CLIENT_ID: clientId, API_OIDC_CLIENT_SECRET: clientSecret, FLUXO_PUBLIC_API_URL: pageUrl }).flatMap(([variable, value]) => (value === undefined ? [variable] : []));
  if (clientId === undefined || clientSecret === undefined || pageUrl === undefined) {
    throw new ConfigError(missing.map((variable) => ({ variable, problem: "is not set, but API_OIDC_ISSUER is", remedy: "See docs/access.md for signing in." })));
  }
  // The issuer is the operator's own setting, so it may have a private address; where its metadata point to may not, unless the operator allows that too.
  const http = createGuardedClient({ allowedPrivateHosts: [...config.FLUXO_ALLOWED_PRIVATE_HOSTS, hostPortOf(issuer)] });
  return new IdentityProvider({ issuer, clientId, clientSecret, redirectUri: `${pageUrl}/auth/callback`, http, clock });
}

/** `host:port` of an address, with the port that its scheme implies. */
export function hostPortOf(address: string): string {
  const { hostname, port, protocol } = new URL(address);
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}
