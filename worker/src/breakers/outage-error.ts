import type { BreakerKey } from "@fluxo/contracts/channels/outages";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { OpenBreaker } from "@fluxo/core/retry/breaker";

/** No attempt was made, because what it reaches for is known not to work. The class is that of the failure that was seen last. */
export class OutageError extends NodeError {
  /** When to ask again. */
  readonly retryAt: Date;

  constructor(key: BreakerKey, open: OpenBreaker, retryAt: Date) {
    const what = key.kind === "credential" ? `credential ${key.credentialId}` : `host ${key.host}`;
    super(`Integration outage of ${what} since ${new Date(open.openedMs).toISOString()} (${open.code}).`, { errorClass: open.errorClass, code: "INTEGRATION_OUTAGE", nothingDone: true });
    this.retryAt = retryAt;
  }
}
