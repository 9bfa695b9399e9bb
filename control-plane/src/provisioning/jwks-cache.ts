import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import { createLocalJWKSet, type JSONWebKeySet, type JWK } from "jose";
import { z } from "zod";

/** What a set resolves a token's header to. */
export type KeySet = ReturnType<typeof createLocalJWKSet>;

const TIMEOUT_MS = 5_000;
const BYTES_MAX = 256 * 1_024;
/** A set is fetched anew after this time, */
const FRESH_MS = 600_000;
/** and used for so long when it cannot be. */
const STALE_MS = 3_600_000;
/** Unknown key ids, which anybody can make up, and failures lead to a fetch this often at most. */
const COOLDOWN_MS = 30_000;
const SETS_MAX = 1_000;

/** The members that choose a key are checked; the others are what each type of key has. */
const jwksSchema = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().optional() }).transform(({ kty, kid, ...rest }): JWK => ({ ...rest, kty, ...(kid === undefined ? {} : { kid }) }))).min(1).max(100),
});

interface Entry {
  readonly jwks: JSONWebKeySet | undefined;
  readonly fetchedAtMs: number;
  readonly triedAtMs: number;
}

/** JWK Sets of agencies, by address. Redirects are not followed: the address is what the agency vouched for. */
export class JwksCache {
  readonly #http: HttpPort;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #fetching = new Map<string, Promise<Entry>>();

  /** @param http the guarded client */
  constructor(http: HttpPort, clock: Clock) {
    this.#http = http;
    this.#clock = clock;
  }

  /** The set with the key id. @returns undefined when it has none @throws Error when it cannot be fetched and none is kept */
  async find(url: string, kid: string): Promise<KeySet | undefined> {
    const nowMs = this.#clock.now().getTime();
    let entry = this.#entries.get(url);
    const isFresh = entry?.jwks !== undefined && nowMs - entry.fetchedAtMs < FRESH_MS;
    const knows = (jwks: JSONWebKeySet | undefined): boolean => jwks?.keys.some((key) => key.kid === kid) === true;
    if (entry === undefined || ((!isFresh || !knows(entry.jwks)) && nowMs - entry.triedAtMs >= COOLDOWN_MS)) entry = await this.#fetchOnce(url);
    if (entry.jwks === undefined || nowMs - entry.fetchedAtMs >= STALE_MS) throw new Error(`The key set at ${new URL(url).host} cannot be read right now.`);
    return knows(entry.jwks) ? createLocalJWKSet(entry.jwks) : undefined;
  }

  /** The set as it is now. @throws NodeError, or Error for an answer that is no key set */
  async fetch(url: string): Promise<JSONWebKeySet> {
    const answer = await this.#http.send({ method: "GET", url, headers: { accept: "application/jwk-set+json, application/json" }, timeoutMs: TIMEOUT_MS, maxResponseBytes: BYTES_MAX, maxRedirects: 0 });
    if (answer.status !== 200) throw new Error(`The key set's address answered ${answer.status}.`);
    return jwksSchema.parse(JSON.parse(new TextDecoder().decode(answer.body)));
  }

  #fetchOnce(url: string): Promise<Entry> {
    const known = this.#fetching.get(url);
    if (known !== undefined) return known;
    const fetching = this.#refresh(url).finally(() => this.#fetching.delete(url));
    this.#fetching.set(url, fetching);
    return fetching;
  }

  async #refresh(url: string): Promise<Entry> {
    const before = this.#entries.get(url);
    const nowMs = this.#clock.now().getTime();
    const jwks = await this.fetch(url).catch(() => undefined);
    const entry: Entry = jwks === undefined ? { jwks: before?.jwks, fetchedAtMs: before?.fetchedAtMs ?? 0, triedAtMs: nowMs } : { jwks, fetchedAtMs: nowMs, triedAtMs: nowMs };
    this.#entries.delete(url);
    this.#entries.set(url, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > SETS_MAX && oldest !== undefined) this.#entries.delete(oldest);
    return entry;
  }
}
