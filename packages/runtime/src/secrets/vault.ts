import { randomBytes } from "node:crypto";
import type { KeyProvider, WrappedKey } from "./key-provider.ts";
import { KEY_BYTES, openWith, sealWith } from "./sealing.ts";

/** A tenant's data key as it is stored. */
export interface TenantKey extends WrappedKey {
  readonly tenantId: string;
  /** From 1. */
  readonly version: number;
}

/** What a sealed thing belongs to: it opens nowhere else. */
export interface SecretPlace {
  /** The record, for example a credential's id. */
  readonly record: string;
  /** Which part of the record. */
  readonly part: string;
  /** Raised with every sealing, so that no older content can be put back. */
  readonly version: number;
}

/**
 * Envelope encryption: every tenant has a data key of its own, which the root key wraps. Sealing and opening take the wrapped key; open data keys stay in
 * memory for a few minutes, so that a key management service is not asked for every secret. Additional data: tenant, key version, record, part, version.
 */
export interface Vault {
  createKey(tenantId: string, version: number): Promise<TenantKey>;
  seal(key: TenantKey, content: string, place: SecretPlace): Promise<Buffer>;
  /** @throws SecretBoxError KEY_UNKNOWN, MALFORMED, NOT_AUTHENTIC */
  open(key: TenantKey, sealed: Uint8Array, place: SecretPlace): Promise<string>;
  /** The id of the root key that wraps now. */
  currentRootKeyId(): Promise<string>;
  /** The same data key, wrapped by the current root key. @throws SecretBoxError */
  rewrap(key: TenantKey): Promise<TenantKey>;
}

const KEPT_MS = 300_000;
const KEPT_MAX = 1_000;

/** @param nowMs a monotonic clock */
export function createVault(provider: KeyProvider, nowMs: () => number): Vault {
  const kept = new Map<string, { readonly key: Promise<Buffer>; readonly untilMs: number }>();
  const unwrap = (key: TenantKey): Promise<Buffer> => {
    const id = [key.tenantId, key.version, key.rootKeyId, Buffer.from(key.wrapped).toString("base64")].join(" ");
    const known = kept.get(id);
    if (known !== undefined && known.untilMs > nowMs()) return known.key;
    const opened = provider.unwrap(key, keyPlace(key.tenantId, key.version));
    // A failure is no answer to keep: the provider may know the key a moment later.
    opened.catch(() => kept.delete(id));
    kept.delete(id);
    kept.set(id, { key: opened, untilMs: nowMs() + KEPT_MS });
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT_MAX) break;
      kept.delete(oldest);
    }
    return opened;
  };
  return {
    createKey: async (tenantId, version) => ({ tenantId, version, ...(await provider.wrap(randomBytes(KEY_BYTES), keyPlace(tenantId, version))) }),
    seal: async (key, content, place) => sealWith(await unwrap(key), Buffer.from(content, "utf8"), contentPlace(key, place)),
    open: async (key, sealed, place) => openWith(await unwrap(key), sealed, contentPlace(key, place)).toString("utf8"),
    currentRootKeyId: () => provider.currentId(),
    rewrap: async (key) => ({ ...key, ...(await provider.wrap(await unwrap(key), keyPlace(key.tenantId, key.version))) }),
  };
}

function keyPlace(tenantId: string, version: number): readonly string[] {
  return ["tenant key", tenantId, String(version)];
}

function contentPlace({ tenantId, version }: TenantKey, place: SecretPlace): readonly string[] {
  return ["secret", tenantId, String(version), place.record, place.part, String(place.version)];
}
