import { createHash } from "node:crypto";
import type { Json } from "@fluxo/core/json";
import { z } from "zod";
import type { Facts } from "./diff.ts";
import type { UnreadableName } from "./names.ts";

/** A told file as an entry: size, mtime, inode, ctime, hash. */
const entrySchema = z.tuple([z.number(), z.string(), z.string(), z.string(), z.string().nullable()]);

/** What was told of a source. */
export interface Told {
  readonly files: Map<string, Facts>;
  /** Keys of the files that were parked, see `unreadableKey`. */
  readonly unreadable: ReadonlySet<string>;
}

/** Reads what was remembered. @throws ZodError for what no look wrote */
export function readTold(entries: ReadonlyMap<string, Json>): Told {
  const files = new Map<string, Facts>();
  const unreadable = new Set<string>();
  for (const [key, value] of entries) {
    if (isUnreadableKey(key)) unreadable.add(key);
    else files.set(key, toFacts(entrySchema.parse(value)));
  }
  return { files, unreadable };
}

/** A told file, to be remembered by its path. */
export function entryOf(path: string, { size, mtime, inode, ctime, hash }: Facts): { key: string; value: Json } {
  return { key: path, value: [size, mtime, inode, ctime, hash ?? null] };
}

/** A parked file, to be remembered: paths are relative, so none begins with a slash. */
export function unreadableKey({ raw }: UnreadableName): string {
  return `/${createHash("sha256").update(raw).digest("hex")}`;
}

function isUnreadableKey(key: string): boolean {
  return key.startsWith("/");
}

function toFacts([size, mtime, inode, ctime, hash]: z.output<typeof entrySchema>): Facts {
  return { size, mtime, inode, ctime, ...(hash === null ? {} : { hash }) };
}
