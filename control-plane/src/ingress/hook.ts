import { RequestError } from "@fluxo/core/errors/request-error";
import { catalog } from "@fluxo/nodes/catalog";
import type { TriggerFilter } from "@fluxo/nodes/filters/schema";
import type { Hook } from "@fluxo/prisma/access/hooks";
import { createAddressRanges, type AddressRanges } from "@fluxo/runtime/http/client-address";
import type { SecretBox } from "@fluxo/runtime/secrets/box";
import type { z } from "zod";
import { createAuthenticator } from "./authentication/authenticator.ts";
import type { Authenticator, HookAuthentication } from "./authentication/contract.ts";
import { createProvider, type Provider } from "./providers/provider.ts";
import type { HookRateLimit } from "./rate-limits.ts";

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
  /** What its sender does by its own rules. */
  readonly provider: Provider;
  readonly response: HookResponse;
  /** Who may call; undefined: everybody. */
  readonly allowedAddresses: AddressRanges | undefined;
  readonly rateLimit: HookRateLimit | undefined;
  /** Of all hooks of the tenant together. */
  readonly tenantPerMinute: number;
  readonly filter: TriggerFilter | undefined;
}

const ALL_METHODS: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);

/** Told when a hook cannot serve anybody, because of its record and not because of a caller. */
export type HookDefectReport = (defect: { readonly tenantId: string; readonly triggerId: string; readonly err: unknown }) => void;

/**
 * Reads a trigger's parameters and opens its secret. Whatever is wrong with them, the hook refuses everybody (INTERNAL) and the defect is reported:
 * it never becomes an open one.
 */
export function toWebhookHook(hook: Hook, box: SecretBox, report: HookDefectReport): WebhookHook {
  const { tenantId, triggerId, requestsPerMinute: tenantPerMinute } = hook;
  const parsed = catalog["trigger.webhook"].params.safeParse(hook.config);
  if (!parsed.success) {
    report({ tenantId, triggerId, err: parsed.error });
    return { tenantId, triggerId, tenantPerMinute, methods: ALL_METHODS, ...BROKEN, deliveryIdHeader: undefined, response: { mode: "immediate" }, ...UNBOUND };
  }
  const { methods, authentication, deliveryIdHeader, response, allowedAddresses, rateLimit, filter } = parsed.data;
  const { authenticate, provider } = openAuthentication(hook, authentication, box, report);
  return {
    tenantId,
    triggerId,
    tenantPerMinute,
    methods: new Set(methods),
    authenticate,
    provider,
    deliveryIdHeader: deliveryIdHeader ?? provider.deliveryIdHeader,
    response,
    allowedAddresses: allowedAddresses === undefined ? undefined : openRanges(hook, allowedAddresses, report),
    rateLimit,
    filter,
  };
}

interface Authentication {
  readonly authenticate: Authenticator;
  readonly provider: Provider;
}

const BROKEN: Authentication = {
  authenticate: () => {
    throw new RequestError("INTERNAL");
  },
  provider: { secretHeaders: new Set() },
};

const UNBOUND = { allowedAddresses: undefined, rateLimit: undefined, filter: undefined } as const;

/** Ranges that cannot be read let nobody in. */
function openRanges({ tenantId, triggerId }: Hook, ranges: readonly string[], report: HookDefectReport): AddressRanges {
  try {
    return createAddressRanges(ranges);
  } catch (error) {
    report({ tenantId, triggerId, err: error });
    return createAddressRanges([]);
  }
}

function openAuthentication(hook: Hook, authentication: HookAuthentication, box: SecretBox, report: HookDefectReport): Authentication {
  const { tenantId, triggerId, sealedSecret } = hook;
  try {
    const secret = authentication.mode === "none" || sealedSecret === null ? undefined : box.open(sealedSecret, [tenantId, triggerId]);
    return { authenticate: createAuthenticator(authentication, secret), provider: createProvider(authentication, secret) };
  } catch (error) {
    report({ tenantId, triggerId, err: error });
    return BROKEN;
  }
}
