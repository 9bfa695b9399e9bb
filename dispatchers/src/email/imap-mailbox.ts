import type { FetchMessageObject, ImapFlow } from "imapflow";
import { KEY_FIELDS, mailKey } from "./mail-key.ts";

/** A mail without its content. */
export interface ListedMail {
  readonly uid: number;
  readonly bytes: number;
  readonly receivedAt: Date;
  /** The head's fields that it is known by, as sent. */
  readonly head: Buffer;
  readonly key: string;
}

/** UIDs above `afterUid` up to `untilUid`, received since a day where it is told; ascending. `*` in a range means the last mail too, so the server's answer is filtered. */
export async function findUids(client: ImapFlow, { afterUid, untilUid, since }: { readonly afterUid: number; readonly untilUid?: number; readonly since?: Date }): Promise<number[]> {
  if (untilUid !== undefined && untilUid <= afterUid) return [];
  const found = await client.search({ uid: `${afterUid + 1}:${untilUid ?? "*"}`, ...(since === undefined ? {} : { since }) }, { uid: true });
  if (!Array.isArray(found)) throw new Error("The server did not search the mailbox.");
  return found.filter((uid) => uid > afterUid && (untilUid === undefined || uid <= untilUid)).toSorted((a, b) => a - b);
}

/** Mails by their UIDs, ascending; those that are gone by now are missing. */
export async function listMails(client: ImapFlow, uids: readonly number[]): Promise<ListedMail[]> {
  if (uids.length === 0) return [];
  const fetched = await client.fetchAll([...uids], { uid: true, size: true, internalDate: true, headers: [...KEY_FIELDS] }, { uid: true });
  return fetched.map(toListed).toSorted((a, b) => a.uid - b.uid);
}

function toListed({ uid, size = 0, internalDate, headers = Buffer.alloc(0) }: FetchMessageObject): ListedMail {
  const receivedAt = new Date(internalDate ?? 0);
  return { uid, bytes: size, receivedAt: Number.isNaN(receivedAt.getTime()) ? new Date(0) : receivedAt, head: headers, key: mailKey(headers, size) };
}

/** A mail as it was received, or its beginning; undefined when it is gone. Leaves \Seen as it is. */
export async function readMail(client: ImapFlow, uid: number, bytesMax: number): Promise<Buffer | undefined> {
  const fetched = await client.fetchOne(String(uid), { uid: true, source: { maxLength: bytesMax } }, { uid: true });
  return fetched === false ? undefined : fetched.source;
}
