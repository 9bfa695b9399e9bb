import { z } from "zod";

/** Where a trigger stands in a mailbox. */
export const imapCursorSchema = z.strictObject({
  provider: z.literal("imap"),
  /** What the UIDs count in; with another one they mean nothing. Decimal. */
  uidValidity: z.string(),
  /** Everything up to it is recorded. */
  lastUid: z.int().min(0),
  /** When the latest mail was received that is recorded or belongs to the baseline, by the server's clock. */
  lastDate: z.iso.datetime(),
  /** Keys of the baseline's latest mails with their time in seconds: what no occurrence knows when the server numbers the mailbox anew. */
  seen: z.array(z.tuple([z.string(), z.int()])),
  /** While the mailbox is compared after it was numbered anew. */
  resync: z.strictObject({ untilUid: z.int(), since: z.iso.datetime() }).exactOptional(),
  /** Mails that were read and wait for what `afterSuccess` says of those that started an execution: by the next look, after the commit. */
  pending: z.array(z.int()).exactOptional(),
});

export type ImapCursor = z.output<typeof imapCursorSchema>;
