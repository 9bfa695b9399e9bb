import { createHash, hkdfSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { SecretBoxError } from "./box.ts";
import { KEY_BYTES, openWith, sealWith } from "./sealing.ts";

/** A data key as it is stored. */
export interface WrappedKey {
  /** Names the root key that wrapped it, and says nothing about it. */
  readonly rootKeyId: string;
  readonly wrapped: Uint8Array;
}

/**
 * Holds the root keys of an installation, or knows who does: a key management service fits behind it. `place` is authenticated with the key: what was
 * wrapped for one tenant is not unwrapped for another.
 */
export interface KeyProvider {
  /** The id of the root key that wraps from now on. */
  currentId(): Promise<string>;
  wrap(key: Uint8Array, place: readonly string[]): Promise<WrappedKey>;
  /** @throws SecretBoxError KEY_UNKNOWN, MALFORMED, NOT_AUTHENTIC */
  unwrap(key: WrappedKey, place: readonly string[]): Promise<Buffer>;
}

interface RootKey {
  readonly id: string;
  readonly key: Buffer;
}

interface RootKeys {
  readonly current: RootKey;
  readonly byId: ReadonlyMap<string, RootKey>;
}

/**
 * Root keys that the process was given (FLUXO_MASTER_KEY, FLUXO_PREVIOUS_MASTER_KEYS): the first wraps, all of them unwrap.
 * @throws RangeError when a key has not exactly 32 bytes.
 */
export function createStaticKeyProvider(masterKey: Buffer, previousKeys: readonly Buffer[] = []): KeyProvider {
  const keys = rootKeysOf([masterKey, ...previousKeys]);
  return providerOf(() => Promise.resolve(keys));
}

/**
 * Root keys in a file: one per line in base64, the current one first; empty lines and lines that begin with # are skipped. The file is read again when a key
 * turns up that it did not hold, at most every ten seconds, so that pods follow a changed file (a mounted secret) without a restart.
 * @throws Error when the file cannot be read or holds anything else
 */
export async function createFileKeyProvider(path: string, nowMs: () => number): Promise<KeyProvider> {
  const read = async (): Promise<RootKeys> => rootKeysOf(parseKeyFile(await readFile(path, "utf8"), path));
  let keys = await read();
  let readAtMs = nowMs();
  return providerOf(async (wanted) => {
    const isStale = nowMs() - readAtMs >= REREAD_MS;
    if (isStale && (wanted === undefined || !keys.byId.has(wanted))) {
      readAtMs = nowMs();
      keys = await read();
    }
    return keys;
  });
}

const REREAD_MS = 10_000;

function parseKeyFile(text: string, path: string): Buffer[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => (/^[A-Za-z0-9+/_-]{43}=?$/.test(line) ? Buffer.from(line, "base64") : Buffer.alloc(0)));
  if (keys.length === 0 || keys.some((key) => key.length !== KEY_BYTES)) throw new Error(`The key file ${path} must hold keys of ${KEY_BYTES} bytes in base64, one per line, the current one first.`);
  return keys;
}

function providerOf(load: (wantedId?: string) => Promise<RootKeys>): KeyProvider {
  return {
    currentId: async () => (await load()).current.id,
    wrap: async (key, place) => {
      const { current } = await load();
      return { rootKeyId: current.id, wrapped: sealWith(current.key, key, [current.id, ...place]) };
    },
    unwrap: async ({ rootKeyId, wrapped }, place) => {
      const root = (await load(rootKeyId)).byId.get(rootKeyId);
      if (root === undefined) throw new SecretBoxError("KEY_UNKNOWN");
      return openWith(root.key, wrapped, [rootKeyId, ...place]);
    },
  };
}

function rootKeysOf(masterKeys: readonly Buffer[]): RootKeys {
  const keys = masterKeys.map((masterKey): RootKey => {
    if (masterKey.length !== KEY_BYTES) throw new RangeError(`A master key must have ${KEY_BYTES} bytes.`);
    // The secret box derives from the same master key under another label.
    const key = Buffer.from(hkdfSync("sha256", masterKey, "", "fluxo root key 1", KEY_BYTES));
    return { id: `local:${createHash("sha256").update("fluxo root key id\0").update(masterKey).digest("hex").slice(0, 16)}`, key };
  });
  const [current] = keys;
  if (current === undefined) throw new RangeError("There must be a master key.");
  return { current, byId: new Map(keys.map((key) => [key.id, key])) };
}
