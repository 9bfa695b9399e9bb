import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { clientAddressOf, type AddressRanges } from "@fluxo/runtime/http/client-address";
import type { SecretBox } from "@fluxo/runtime/secrets/box";
import { openProbe, PROBE_HEADER } from "../probe/probe.ts";
import { headerValue } from "./headers.ts";
import type { WebhookHook } from "./hook.ts";
import type { RateLimits } from "./rate-limits.ts";
import type { TenantRates } from "./tenant-rates.ts";

export interface GateOptions {
  /** The operator's proxies, whose X-Forwarded-For is believed. */
  readonly trustedProxies: AddressRanges;
  readonly rateLimits: RateLimits;
  readonly tenantRates: TenantRates;
  readonly box: SecretBox;
  readonly clock: Clock;
}

/** What a hook and its tenant's plan ask of a request before anybody looks at its body. */
export class Gate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** @throws RequestError HOOK_ADDRESS_REFUSED, RATE_LIMITED */
  async pass(request: IncomingMessage, { tenantId, triggerId, allowedAddresses, rateLimit, tenantPerMinute }: WebhookHook): Promise<void> {
    if (allowedAddresses !== undefined) {
      const address = clientAddressOf(request.socket.remoteAddress, headerValue(request.headers, "x-forwarded-for"), this.#options.trustedProxies);
      if (address === undefined || !allowedAddresses.has(address)) throw new RequestError("HOOK_ADDRESS_REFUSED");
    }
    await this.#options.tenantRates.take(tenantId, tenantPerMinute);
    if (rateLimit !== undefined) await this.#options.rateLimits.take(triggerId, rateLimit);
  }

  /** The nonce of a probe of this installation; undefined for every other request. */
  probeOf(headers: IncomingHttpHeaders, token: string): string | undefined {
    const value = headerValue(headers, PROBE_HEADER);
    const { box, clock } = this.#options;
    return value === undefined ? undefined : openProbe(box, token, value, clock.now());
  }
}
