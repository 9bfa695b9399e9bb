import { createHash } from "node:crypto";
import { canonicalJson } from "@fluxo/core/canonical-json";
import type { Json } from "@fluxo/core/json";

/** Tells a repeat of a request from another one; the same for every way to write the same JSON. */
export function fingerprintOf(request: Json): string {
  return createHash("sha256").update(canonicalJson(request), "utf8").digest("hex");
}
