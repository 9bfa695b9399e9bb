import { RequestError } from "@fluxo/core/errors/request-error";
import type { Authenticator, HookAuthentication } from "./contract.ts";
import { createHeaderAuthenticator } from "./header.ts";
import { createHmacAuthenticator } from "./hmac.ts";
import { createMicrosoftAuthenticator } from "./microsoft.ts";
import { createHubAuthenticator, createShopifyAuthenticator, createStripeAuthenticator, createV0Authenticator } from "./provider-signatures.ts";
import { createStandardAuthenticator } from "./standard.ts";

/** @param secret as the tenant stored it; without one, every mode that needs one refuses everybody */
export function createAuthenticator(authentication: HookAuthentication, secret: Buffer | undefined): Authenticator {
  if (authentication.mode === "none") return () => undefined;
  if (secret === undefined || secret.length === 0) return refuseEverybody;
  switch (authentication.mode) {
    case "header":
      return createHeaderAuthenticator(authentication.header, secret);
    case "hmac":
      return createHmacAuthenticator(authentication, secret);
    case "standard":
      return createStandardAuthenticator(secret);
    case "github":
    case "meta":
      return createHubAuthenticator(secret);
    case "stripe":
      return createStripeAuthenticator(authentication, secret);
    case "slack":
    case "zoom":
      return createV0Authenticator(authentication, secret);
    case "shopify":
      return createShopifyAuthenticator(secret);
    case "microsoft":
      return createMicrosoftAuthenticator(secret);
    default:
      return authentication satisfies never;
  }
}

function refuseEverybody(): never {
  throw new RequestError("HOOK_UNAUTHENTICATED", { detail: "The webhook has no secret yet, so nobody can be authenticated." });
}
