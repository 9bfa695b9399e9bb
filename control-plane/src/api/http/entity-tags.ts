import { createHash } from "node:crypto";
import type { Answer } from "./answer.ts";

/** What If-Match and If-None-Match look like: any, or a list of entity tags (RFC 9110, 13.1). */
export const TAG_LIST = /^(?:\*|(?:W\/)?"[^"]*"(?:\s*,\s*(?:W\/)?"[^"]*")*)$/;

/** Clocks of use, which run without anybody changing the thing: of a key in use, no update would pass. */
const USES: ReadonlySet<string> = new Set(["lastUsedAt", "lastLoginAt"]);

/** The entity tag of an answer: the handler's own, or the hash of its body without when the thing was last used. Undefined for an answer without a body. */
export function entityTagOf({ headers, body }: Answer): string | undefined {
  const own = headers?.["ETag"];
  if (typeof own === "string") return own;
  if (body === undefined) return undefined;
  const stable = typeof body === "object" && body !== null && !Array.isArray(body) ? Object.fromEntries(Object.entries(body).filter(([name]) => !USES.has(name))) : body;
  return `"${createHash("sha256").update(JSON.stringify(stable)).digest("base64url").slice(0, 22)}"`;
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
