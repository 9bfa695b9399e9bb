import { createHash } from "node:crypto";
import type { Answer } from "./answer.ts";

/** What If-Match and If-None-Match look like: any, or a list of entity tags (RFC 9110, 13.1). */
export const TAG_LIST = /^(?:\*|(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*)$/;

/** The entity tag of an answer: the handler's own, or the hash of its body. Undefined for an answer without a body. */
export function entityTagOf({ headers, body }: Answer): string | undefined {
  const own = headers?.["ETag"];
  if (typeof own === "string") return own;
  return body === undefined ? undefined : `"${createHash("sha256").update(JSON.stringify(body)).digest("base64url").slice(0, 22)}"`;
}

/** Whether If-Match lets a change of this pass. Weak tags match nothing. @param header well-formed */
export function passesIfMatch(header: string, tag: string | undefined): boolean {
  return header === "*" ? tag !== undefined : tagsOf(header).some(({ isWeak, text }) => !isWeak && text === tag);
}

/** Whether If-None-Match says that the caller has this already. @param header well-formed */
export function isKnownTo(header: string, tag: string | undefined): boolean {
  return tag !== undefined && (header === "*" || tagsOf(header).some(({ text }) => text === tag));
}

function tagsOf(header: string): { isWeak: boolean; text: string }[] {
  return [...header.matchAll(/(W\/)?("[^"]*")/g)].map(([, weak, text = ""]) => ({ isWeak: weak !== undefined, text }));
}
