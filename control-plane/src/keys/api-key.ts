import { createHash, timingSafeEqual } from "node:crypto";
import type { IdSource } from "@fluxo/core/ports/clock";

const SECRET_BYTES = 32;
const FORM = /^flx_([0-9a-f]{32})_([A-Za-z0-9_-]{43,128})$/;

/** A new API key. `text` is what its owner gets; only `secretHash` is stored of the secret. */
export interface MintedApiKey {
  readonly id: string;
  /** The key up to its secret: what is shown of it later. */
  readonly prefix: string;
  readonly text: string;
  readonly secretHash: Buffer<ArrayBuffer>;
}

/** The parts of a key as a request carries it. */
export interface PresentedApiKey {
  readonly id: string;
  readonly secret: string;
}

/** Makes a key: `flx_<id without dashes>_<32 random bytes in base64url>`. */
export function mintApiKey(ids: IdSource, randomBytes: (size: number) => Buffer): MintedApiKey {
  const id = ids.next();
  const prefix = `flx_${id.replaceAll("-", "")}`;
  const { secret, secretHash } = mintSecret(randomBytes);
  return { id, prefix, text: `${prefix}_${secret}`, secretHash };
}

/** Makes the secret of a key, and the hash that is stored of it. */
export function mintSecret(randomBytes: (size: number) => Buffer): { readonly secret: string; readonly secretHash: Buffer<ArrayBuffer> } {
  const secret = randomBytes(SECRET_BYTES).toString("base64url");
  return { secret, secretHash: hashSecret(secret) };
}

/** The parts of a key; undefined for any text that cannot be one. */
export function parseApiKey(text: string): PresentedApiKey | undefined {
  const [, hex, secret] = FORM.exec(text) ?? [];
  if (hex === undefined || secret === undefined) return undefined;
  const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  return { id, secret };
}

/** Whether the secret has the hash, in time that does not depend on where they differ. The secret is random, so a plain hash is enough. */
export function matchesSecret(secret: string, secretHash: Uint8Array): boolean {
  const given = hashSecret(secret);
  return given.byteLength === secretHash.byteLength && timingSafeEqual(given, secretHash);
}

function hashSecret(secret: string): Buffer<ArrayBuffer> {
  return Buffer.from(createHash("sha256").update(secret, "utf8").digest());
}
