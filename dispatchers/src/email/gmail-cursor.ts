import { z } from "zod";

/** Where a trigger stands in a Gmail account. */
export const gmailCursorSchema = z.strictObject({
  provider: z.literal("gmail"),
  /** All that the account's history has up to here is recorded, or waits in `resync`. */
  historyId: z.string(),
  /** When the baseline was taken, by Gmail's clock. What was received before is never news. */
  baselineAt: z.iso.datetime(),
  /** When the latest recorded mail was received. */
  lastDate: z.iso.datetime(),
  /** Messages that a full sync found, the oldest first, while the history had a gap. */
  resync: z.array(z.string()).exactOptional(),
});

export type GmailCursor = z.output<typeof gmailCursorSchema>;
