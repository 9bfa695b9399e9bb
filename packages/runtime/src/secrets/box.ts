import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { joinParts } from "./additional-data.ts";

const VERSION = 1;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const SALT_BYTES = 16;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + SALT_BYTES;
const CIPHER = "aes-256-gcm";

/** `MALFORMED`: not something that a box sealed. `KEY_UNKNOWN`: sealed with another master key. `NOT_AUTHENTIC`: altered, or of another tenant or record. */
export type SecretBoxErrorCode = "MALFORMED" | "KEY_UNKNOWN" | "NOT_AUTHENTIC";

const MESSAGES = {
  MALFORMED: "The sealed secret cannot be read.",
  KEY_UNKNOWN: "The secret was sealed with another master key.",
  NOT_AUTHENTIC: "The sealed secret is not authentic for this record.",
} as const satisfies Record<SecretBoxErrorCode, string>;

/** A sealed secret cannot be opened. Says nothing about its content, and carries no cause. */
export class SecretBoxError extends Error {
  override readonly name = "SecretBoxError";
  readonly code: SecretBoxErrorCode;

  constructor(code: SecretBoxErrorCode) {
    super(MESSAGES[code]);
    this.code = code;
  }
}

/**
 * Seals secrets for storage. `aad` says where a secret belongs: tenant id first, then record, then version; it is not stored,
 * and a secret opens only under the same parts.
 */
export interface SecretBox {
  /** Whether the current master key sealed it. */
  isCurrent(sealed: Uint8Array): boolean;
  seal(plaintext: Uint8Array | string, aad: readonly string[]): Buffer;
  /** @throws SecretBoxError */
  open(sealed: Uint8Array, aad: readonly string[]): Buffer;
}

/**
 * AES-256-GCM with a random 96-bit IV and a full 128-bit tag. The key of each sealed secret is derived with HKDF-SHA256 from the master key,
 * the tenant id and a random salt, so that no key meets two IVs. Layout:
 * `version (1) | key id (4) | salt (16) | IV (12) | ciphertext | tag (16)`; the header up to the salt and all parts of `aad` are authenticated.
 * `previousKeys` open what they sealed, for the time of a rotation; sealing always takes `masterKey`.
 * @throws RangeError when a key has not exactly 32 bytes.
 */
export function createSecretBox(masterKey: Buffer, previousKeys: readonly Buffer[] = []): SecretBox {
  const keys = new Map<string, Buffer>();
  for (const key of [masterKey, ...previousKeys]) {
    if (key.length !== KEY_BYTES) throw new RangeError(`A master key must have ${KEY_BYTES} bytes.`);
    keys.set(keyIdOf(key).toString("hex"), Buffer.from(key));
  }
  const sealingKey = Buffer.from(masterKey);
  const sealingKeyId = keyIdOf(sealingKey);
  return {
    isCurrent: (sealed) => sealingKeyId.equals(sealed.subarray(1, 1 + KEY_ID_BYTES)),
    seal: (plaintext, aad) => {
      const salt = randomBytes(SALT_BYTES);
      const header = Buffer.concat([Buffer.of(VERSION), sealingKeyId, salt]);
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(CIPHER, deriveKey(sealingKey, salt, tenantOf(aad)), iv, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.concat([header, joinParts(aad)]));
      const content = typeof plaintext === "string" ? Buffer.from(plaintext, "utf8") : plaintext;
      return Buffer.concat([header, iv, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
    },
    open: (sealed, aad) => {
      const bytes = Buffer.from(sealed);
      if (bytes.length < HEADER_BYTES + IV_BYTES + TAG_BYTES || bytes[0] !== VERSION) throw new SecretBoxError("MALFORMED");
      const key = keys.get(bytes.subarray(1, 1 + KEY_ID_BYTES).toString("hex"));
      if (key === undefined) throw new SecretBoxError("KEY_UNKNOWN");
      return decrypt(bytes, key, aad);
    },
  };
}

function decrypt(bytes: Buffer, key: Buffer, aad: readonly string[]): Buffer {
  const header = bytes.subarray(0, HEADER_BYTES);
  const iv = bytes.subarray(HEADER_BYTES, HEADER_BYTES + IV_BYTES);
  const tag = bytes.subarray(bytes.length - TAG_BYTES);
  const content = bytes.subarray(HEADER_BYTES + IV_BYTES, bytes.length - TAG_BYTES);
  const derived = deriveKey(key, header.subarray(1 + KEY_ID_BYTES), tenantOf(aad));
  const decipher = createDecipheriv(CIPHER, derived, iv, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.concat([header, joinParts(aad)]));
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(content), decipher.final()]);
  } catch {
    throw new SecretBoxError("NOT_AUTHENTIC");
  }
}

/** Names a master key without revealing anything about it. */
function keyIdOf(masterKey: Buffer): Buffer {
  return createHash("sha256").update("fluxo secret box key id\0").update(masterKey).digest().subarray(0, KEY_ID_BYTES);
}

function deriveKey(masterKey: Buffer, salt: Buffer, tenantId: string): Buffer {
  return Buffer.from(hkdfSync("sha256", masterKey, salt, joinParts(["fluxo secret box 1", tenantId]), KEY_BYTES));
}

function tenantOf(aad: readonly string[]): string {
  const tenantId = aad[0];
  if (tenantId === undefined || tenantId === "") throw new RangeError("The first part of aad must be the tenant id.");
  return tenantId;
}
