import { z } from "zod";

/** Redis channel (below the installation's prefix) that tells every process of the admin API whose access changed, sooner than what it remembers ends. */
export const ACCESS_CHANNEL = "access:changes";

/**
 * `apiKey`: this key was revoked or rotated. `sessions`: a session or a member changed. `plans`: what plans allow, or which one a tenant has.
 * `everything`: anything may have, as when an agency is suspended.
 * `refusedSource`: too many failed authentications came from this address or for this key; it is refused until the instant.
 */
export const accessChangeSchema = z.discriminatedUnion("kind", [
  z.strictObject({ version: z.literal(1), kind: z.literal("apiKey"), id: z.uuid() }),
  z.strictObject({ version: z.literal(1), kind: z.enum(["sessions", "plans", "everything"]) }),
  z.strictObject({ version: z.literal(1), kind: z.literal("refusedSource"), source: z.string().max(200), untilMs: z.number() }),
]);
export type AccessChange = z.output<typeof accessChangeSchema>;
