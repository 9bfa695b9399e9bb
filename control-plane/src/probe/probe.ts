import type { SecretBox } from "@fluxo/runtime/secrets/box";
import { z } from "zod";

/** The header of a probe. A request with a good one is answered without an execution. */
export const PROBE_HEADER = "fluxo-probe";
/** For how long a probe is good, both ways. */
const FRESH_MS = 60_000;
const LENGTH_MAX = 1_024;

const probeSchema = z.strictObject({ nonce: z.string(), at: z.number() });

/**
 * The value of the header that asks the ingress whether it answers at a hook's address. Only who has the master key can make one, and only who has it can
 * say what is in it: an ingress of the same installation answers with the nonce.
 */
export function sealProbe(box: SecretBox, token: string, nonce: string, now: Date): string {
  return box.seal(JSON.stringify({ nonce, at: now.getTime() }), partsOf(token)).toString("base64url");
}

/** The nonce of a probe for this token; undefined for everything that is none or is stale. Never throws. */
export function openProbe(box: SecretBox, token: string, value: string, now: Date): string | undefined {
  if (value.length > LENGTH_MAX) return undefined;
  try {
    const { nonce, at } = probeSchema.parse(JSON.parse(box.open(Buffer.from(value, "base64url"), partsOf(token)).toString("utf8")));
    return Math.abs(now.getTime() - at) <= FRESH_MS ? nonce : undefined;
  } catch {
    return undefined;
  }
}

/** Nothing that is stored is sealed under these. */
function partsOf(token: string): string[] {
  return ["hook-probe", token];
}
