import { z } from "zod";

/** Redis channel (below the installation's prefix) that tells workers of a cancel sooner than their next heartbeat would. */
export const CANCEL_CHANNEL = "executions:cancel";

export const cancelMessageSchema = z.strictObject({ version: z.literal(1), tenantId: z.uuid(), executionId: z.uuid() });
export type CancelMessage = z.output<typeof cancelMessageSchema>;
