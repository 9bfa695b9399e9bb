import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { joinParts } from "./additional-data.ts";
import { SecretBoxError } from "./box.ts";

const CIPHER = "aes-256-gcm";
const VERSION = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** What a key of the vault has. */
export const KEY_BYTES = 32;

/**
 * Seals with AES-256-GCM under a random 96-bit IV and a full 128-bit tag. `place` says where the content belongs; it is authenticated and not stored.
 * Layout: `version (1) | IV (12) | ciphertext | tag (16)`. With random IVs a key may seal 2^32 times (NIST SP 800-38D, 8.3), which no tenant's key will see.
 */
export function sealWith(key: Uint8Array, content: Uint8Array, place: readonly string[]): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.concat([Buffer.of(VERSION), joinParts(place)]));
  return Buffer.concat([Buffer.of(VERSION), iv, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what `sealWith` sealed. @throws SecretBoxError MALFORMED, NOT_AUTHENTIC */
export function openWith(key: Uint8Array, sealed: Uint8Array, place: readonly string[]): Buffer {
  const bytes = Buffer.from(sealed);
  if (bytes.length < 1 + IV_BYTES + TAG_BYTES || bytes[0] !== VERSION) throw new SecretBoxError("MALFORMED");
  // Without authTagLength Node takes tags of 4 bytes as well.
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(1, 1 + IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([Buffer.of(VERSION), joinParts(place)]));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(1 + IV_BYTES, bytes.length - TAG_BYTES)), decipher.final()]);
  } catch {
    throw new SecretBoxError("NOT_AUTHENTIC");
  }
}
