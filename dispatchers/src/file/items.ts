import { createHash } from "node:crypto";
import type { FileRef } from "@fluxo/core/ports/files";
import type { JsonObject } from "@fluxo/core/json";
import type { FileTriggerParams } from "@fluxo/nodes/trigger-file/definition";
import type { ParkedItem, SeenItem } from "@fluxo/prisma/dispatch/commit";
import type { ToldChange } from "./contents.ts";
import type { Change } from "./diff.ts";
import { shownBytes, type UnreadableName } from "./names.ts";
import { unreadableKey } from "./remembered.ts";

/** ISO 8601 has four digits for a year; file systems have more. */
const INSTANT = { first: Date.UTC(1, 0, 1), last: Date.UTC(9999, 11, 31) } as const;
const SHOWN_PATH_LENGTH = 200;

/** A change as it is handed to intake, its content in base64, or where it was copied to. */
export function itemOf({ change, content }: ToldChange, kind: FileTriggerParams["source"]["kind"], now: Date): SeenItem {
  const { event, path, previousPath, facts } = change;
  const hash = facts.hash === undefined ? {} : kind === "s3" ? { etag: facts.hash } : { sha256: facts.hash };
  const input: JsonObject = { event, path, ...(previousPath === undefined ? {} : { previousPath }), size: facts.size, modifiedAt: instantOf(facts.mtime), ...hash, ...recordedContent(content) };
  return { key: keyOf(change), occurredAt: now, input, ...(isCopy(content) ? { copy: { fileId: content.fileId, sha256: content.sha256 } } : {}) };
}

function recordedContent(content: ToldChange["content"]): JsonObject {
  if (content === undefined) return {};
  if (isCopy(content)) return { file: { ...content } };
  return typeof content === "string" ? { fileMissing: content } : { content: Buffer.from(content.bytes).toString("base64"), mediaType: content.mediaType };
}

function isCopy(content: ToldChange["content"]): content is FileRef {
  return typeof content === "object" && "fileId" in content;
}

/** The same for the same change whenever it is seen, another for every later one: the ctime moves with each, and nobody can set it back. */
function keyOf({ event, path, previousPath = "", facts: { size, mtime, inode, ctime, hash = "" } }: Change): string {
  const digest = createHash("sha256").update(JSON.stringify([path, previousPath, size, mtime, inode, ctime, hash])).digest("hex");
  return `${event} ${digest.slice(0, 40)} ${path.slice(0, SHOWN_PATH_LENGTH).toWellFormed()}`;
}

/** A file whose name cannot be told. */
export function parkedOf(name: UnreadableName, now: Date): ParkedItem {
  return { key: `unreadable ${unreadableKey(name)}`, occurredAt: now, code: "DATA_UNREADABLE", message: name.reason, reference: shownBytes(name.raw), raw: name.raw };
}

function instantOf(nanoseconds: string): string {
  const ms = Number(BigInt(nanoseconds) / 1_000_000n);
  return new Date(Math.min(Math.max(ms, INSTANT.first), INSTANT.last)).toISOString();
}
