import { z } from "zod";

/** Redis channel (below the installation's prefix) that tells every process of the admin API whose access changed, sooner than its memory of a second ends. */
export const ACCESS_CHANNEL = "access:changes";

/** `apiKey`: this key was revoked or rotated. `everything`: any key may have changed, as when an agency is suspended. */
export const accessChangeSchema = z.discriminatedUnion("kind", [
  z.strictObject({ version: z.literal(1), kind: z.literal("apiKey"), id: z.uuid() }),
  z.strictObject({ version: z.literal(1), kind: z.literal("everything") }),
]);
export type AccessChange = z.output<typeof accessChangeSchema>;
