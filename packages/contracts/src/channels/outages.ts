import { z } from "zod";

/** Redis channel (below the installation's prefix) that tells workers of breakers that opened or closed. Best effort: a worker that misses it learns at its next failure or probe. */
export const OUTAGE_CHANNEL = "outages";

/** What one breaker stands for: a credential of a tenant, or a host (with its port) that the tenant reaches without one. */
export type BreakerKey = { readonly tenantId: string } & ({ readonly kind: "credential"; readonly credentialId: string } | { readonly kind: "host"; readonly host: string });

/** The Redis key of a breaker, below the installation's prefix. */
export function breakerKeyOf(key: BreakerKey): string {
  return `breakers:${key.tenantId}:${key.kind}:${key.kind === "credential" ? key.credentialId : key.host}`;
}

export const outageMessageSchema = z.discriminatedUnion("event", [
  z.strictObject({ version: z.literal(1), event: z.literal("opened"), key: z.string(), state: z.string() }),
  z.strictObject({ version: z.literal(1), event: z.literal("closed"), key: z.string() }),
]);
/** `key`: the breaker's Redis key without the prefix. `state`: what is stored there. */
export type OutageMessage = z.output<typeof outageMessageSchema>;
