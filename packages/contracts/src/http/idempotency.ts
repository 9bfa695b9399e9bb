import { z } from "zod";

/** The headers of a request that its caller may repeat. */
export const idempotencyHeaders = z.object({
  "Idempotency-Key": z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, "must be 1 to 255 visible ASCII characters")
    .optional()
    .meta({ description: "Makes the request safe to repeat.", example: "order-4711" }),
});
