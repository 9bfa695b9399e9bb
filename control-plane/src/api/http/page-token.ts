import type { z } from "zod";
import { invalid } from "./validate.ts";

/** Where a page ended, as an opaque token. */
export function encodePageToken(parts: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(parts), "utf8").toString("base64url");
}

/** What the token says; undefined when there is none. @throws RequestError VALIDATION_FAILED for a token that this list never gave */
export function decodePageToken<S extends z.ZodType>(token: string | undefined, schema: S): z.output<S> | undefined {
  if (token === undefined) return undefined;
  const parsed = schema.safeParse(readToken(token));
  if (parsed.success) return parsed.data;
  throw invalid([{ path: "/query/pageToken", code: "invalid_token", message: "is not a nextPageToken of this list" }]);
}

function readToken(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}
