import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { networkOf } from "@fluxo/runtime/http/client-address";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";
import { MinuteCounter } from "../../rate-limits/minute-counter.ts";
import type { FailureLimits } from "./failure-limits.ts";

/** Exchanges of provisioning tokens in a minute. */
export interface ExchangesPerMinute {
  /** From one address, whatever the tokens are. */
  readonly ofAddress: number;
  /** Of tokens that an agency's keys have signed. */
  readonly ofAgency: number;
}

export interface ExchangeLimitsOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failures: FailureLimits;
  readonly perMinute: ExchangesPerMinute;
}

/**
 * Bounds what provisioning tokens cost, of which anybody can make up any number. Every exchange counts for its address before the token is read. A token that nobody has signed counts as a failed
 * authentication: of its address, and of the agency that it names. An agency that strangers name is refused from new addresses, and goes on for those that came with a signed token before, so
 * that nobody can lock it out. Only tokens that are proven count for the agency. While Redis is away each process counts by itself: nothing is let through uncounted.
 */
export class ExchangeLimits {
  readonly #failures: FailureLimits;
  readonly #perMinute: ExchangesPerMinute;
  readonly #addresses: MinuteCounter;
  readonly #agencies: MinuteCounter;

  constructor({ redis, clock, logger, failures, perMinute }: ExchangeLimitsOptions) {
    this.#failures = failures;
    this.#perMinute = perMinute;
    this.#addresses = new MinuteCounter({ redis, clock, logger, name: "exchange-address", whenAway: "memory" });
    this.#agencies = new MinuteCounter({ redis, clock, logger, name: "exchange-agency", whenAway: "memory" });
  }

  /** Before the token is read. @throws RequestError RATE_LIMITED */
  async begin(ip: string | null): Promise<void> {
    this.#failures.assertOpen(ip, null);
    await take(this.#addresses, networkOf(ip), this.#perMinute.ofAddress, "More provisioning tokens come from this address than its limit allows.");
  }

  /** Before the keys of the agency are looked up that the token names. @throws RequestError RATE_LIMITED */
  assertOpen(ip: string | null, agencyId: string): void {
    this.#failures.assertOpen(ip, issuer(agencyId));
  }

  /** Counts a token that nobody has signed. @param agencyId that it names; null for a token that cannot be read @throws RequestError RATE_LIMITED beyond the limit */
  refused(ip: string | null, agencyId: string | null): Promise<void> {
    return this.#failures.failed(ip, agencyId === null ? null : issuer(agencyId));
  }

  /** Counts a token that the agency has signed. @throws RequestError RATE_LIMITED */
  async proven(ip: string | null, agencyId: string): Promise<void> {
    this.#failures.succeeded(ip, issuer(agencyId));
    await take(this.#agencies, agencyId, this.#perMinute.ofAgency, "More provisioning tokens of this agency come than its limit allows.");
  }
}

/** Counted beside the ids of keys, and never one of them. */
function issuer(agencyId: string): string {
  return `issuer-${agencyId}`;
}

async function take(counter: MinuteCounter, key: string, perMinute: number, detail: string): Promise<void> {
  const { isTaken, resetMs } = await counter.take(key, perMinute);
  if (!isTaken) throw new RequestError("RATE_LIMITED", { detail, retryAfterSeconds: Math.max(1, Math.ceil(resetMs / 1_000)) });
}
