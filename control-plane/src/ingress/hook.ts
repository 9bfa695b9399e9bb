import type { RequestErrorCode } from "@fluxo/core/errors/codes";
import { RequestError } from "@fluxo/core/errors/request-error";
import { catalog } from "@fluxo/nodes/catalog";
import type { Hook } from "@fluxo/prisma/access/hooks";
import type { SecretBox } from "@fluxo/runtime/secrets/box";
import type { z } from "zod";
import { createAuthenticator } from "./authentication/authenticator.ts";
import type { Authenticator, HookAuthentication } from "./authentication/contract.ts";

/** What callers of a hook are answered, and when. */
export type HookResponse = z.output<(typeof catalog)["trigger.webhook"]["params"]>["response"];

/** A webhook trigger, ready to serve requests. */
export interface WebhookHook {
  readonly tenantId: string;
  readonly triggerId: string;
  readonly methods: ReadonlySet<string>;
  readonly authenticate: Authenticator;
  /** The header with the caller's id of the delivery; undefined when repeats are not recognized. */
  readonly deliveryIdHeader: string | undefined;
  /** Headers that carry credentials or signatures of this hook. They are never recorded. */
  readonly secretHeaders: ReadonlySet<string>;
  readonly response: HookResponse;
}

const ALL_METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/** Told when a hook cannot serve anybody, because of its record and not because of a caller. */
export type HookDefectReport = (defect: { readonly tenantId: string; readonly triggerId: string; readonly err: unknown }) => void;

/**
 * Reads a trigger's parameters and opens its secret. Whatever is wrong with them, the hook refuses everybody (INTERNAL) and the defect is reported:
 * it never becomes an open one.
 */
export function toWebhookHook(hook: Hook, box: SecretBox, report: HookDefectReport): WebhookHook {
  const { tenantId, triggerId } = hook;
  const parsed = catalog["trigger.webhook"].params.safeParse(hook.config);
  if (!parsed.success) {
    report({ tenantId, triggerId, err: parsed.error });
    return { tenantId, triggerId, methods: ALL_METHODS, authenticate: refuseWith("INTERNAL"), deliveryIdHeader: undefined, secretHeaders: new Set(), response: { mode: "immediate" } };
  }
  const { methods, authentication, deliveryIdHeader, response } = parsed.data;
  return {
    tenantId,
    triggerId,
    methods: new Set(methods),
    authenticate: openAuthenticator(hook, authentication, box, report),
    deliveryIdHeader: deliveryIdHeader ?? (authentication.mode === "standard" ? "webhook-id" : undefined),
    secretHeaders: secretHeadersOf(authentication),
    response,
  };
}

function openAuthenticator(hook: Hook, authentication: HookAuthentication, box: SecretBox, report: HookDefectReport): Authenticator {
  const { tenantId, triggerId, sealedSecret } = hook;
  if (authentication.mode === "none" || sealedSecret === null) return createAuthenticator(authentication, undefined);
  try {
    return createAuthenticator(authentication, box.open(sealedSecret, [tenantId, triggerId]));
  } catch (error) {
    report({ tenantId, triggerId, err: error });
    return refuseWith("INTERNAL");
  }
}

function refuseWith(code: RequestErrorCode): Authenticator {
  return () => {
    throw new RequestError(code);
  };
}

function secretHeadersOf(authentication: HookAuthentication): ReadonlySet<string> {
  switch (authentication.mode) {
    case "none":
      return new Set();
    case "header":
    case "hmac":
      return new Set([authentication.header]);
    case "standard":
      return new Set(["webhook-signature"]);
    default:
      return authentication satisfies never;
  }
}
