import { z } from "zod";

/**
 * Redis channel (below the installation's prefix) that tells the ingress that an execution whose caller may wait has an answer or has ended.
 * The answer itself is read from PostgreSQL.
 */
export const RESPONSE_CHANNEL = "executions:responses";

export const responseMessageSchema = z.strictObject({ version: z.literal(1), executionId: z.uuid() });
export type ResponseMessage = z.output<typeof responseMessageSchema>;
