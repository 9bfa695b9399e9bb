import { readTokenAnswer, tokenRequest, type TokenAnswer } from "@fluxo/core/credentials/token-request";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import { SecretBoxError } from "@fluxo/runtime/secrets/box";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import type pg from "pg";
import { openOAuth2, openSecrets, unreadable, type TokenSource } from "./open.ts";
import { readCredential, secretsPlace, tokenPlace, type Sealed, type StoredCredential } from "./stored-credential.ts";
import { giveUpToken, keepToken, leaseToken } from "./token-store.ts";

export interface AccessTokensOptions {
  /** Connections of fluxo_app. */
  readonly db: pg.Pool;
  readonly vault: Vault;
  /** The guarded client: tenants choose the token endpoint. */
  readonly http: HttpPort;
  readonly clock: Clock;
  /** Names this process in leases. */
  readonly owner: string;
  readonly requestTimeoutMs?: number;
  readonly leaseMs?: number;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than a request can take, so that a lease only ends early with its process. */
const LEASE_MS = 20_000;
const POLL_MS = 100;
const WAITS_MAX = 300;
/** A token counts until a minute before its end, or for three quarters of a short life, so that it lives as long as the request that carries it. */
const MARGIN_MS = 60_000;
/** After a failure nobody asks for this long. */
const REST_MS = 5_000;
const LIMITED_REST_MS = 30_000;
const LIMITED_REST_MS_MAX = 3_600_000;

/**
 * The access tokens of OAuth2 credentials, sealed in the database for all pods. One pod at a time asks the provider, under a lease with an epoch; the others
 * wait and read. A rotated refresh token is written before its access token is used. Once the provider refused for good, the credential is broken and
 * nobody asks again until somebody changes it.
 */
export class AccessTokens implements TokenSource {
  readonly #options: AccessTokensOptions;
  /** One flight per credential and process. */
  readonly #flights = new Map<string, Promise<string>>();

  constructor(options: AccessTokensOptions) {
    this.#options = options;
  }

  /**
   * An access token that is valid now.
   * @throws NodeError CREDENTIAL_REJECTED (refused for good), PROVIDER_RATE_LIMITED, PROVIDER_FAILED, CREDENTIAL_NOT_FOUND, CREDENTIAL_UNREADABLE,
   * and what the HTTP port throws
   */
  async get(stored: StoredCredential): Promise<string> {
    if (stored.isBroken) throw broken(stored.healthMessage);
    if (stored.token !== undefined) return this.#openToken(stored.id, stored.token);
    const key = `${stored.tenantId}:${stored.id}`;
    const known = this.#flights.get(key);
    if (known !== undefined) return known;
    const flight = this.#obtain(stored, false).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  /** A new access token whatever is known: the test of a credential. @throws as `get` */
  renew(stored: StoredCredential): Promise<string> {
    return this.#obtain(stored, true);
  }

  async #obtain({ tenantId, id }: StoredCredential, isForced: boolean): Promise<string> {
    const { db, clock, owner, leaseMs = LEASE_MS } = this.#options;
    for (let waits = 0; waits < WAITS_MAX; waits += 1) {
      const lease = await leaseToken(db, { tenantId, credentialId: id }, owner, leaseMs, isForced);
      // Under the lease, or after somebody else's: only now it is what the provider will be asked with.
      const stored = lease === undefined ? undefined : await readCredential(db, tenantId, id);
      if (lease === undefined || stored === undefined) throw new NodeError("The credential is not there.", { errorClass: "REFUSED", code: "CREDENTIAL_NOT_FOUND" });
      switch (lease.outcome) {
        case "leased":
          return this.#renewUnder(stored, lease.epoch);
        case "fresh":
          if (stored.token !== undefined) return this.#openToken(id, stored.token);
          break;
        case "broken":
          throw broken(stored.healthMessage);
        case "resting":
          throw new NodeError("The provider gave no access token a moment ago.", { errorClass: "SERVER", code: "PROVIDER_FAILED", retryAfterMs: lease.waitMs });
        case "busy":
          await clock.sleep(Math.min(POLL_MS, lease.waitMs));
          break;
        default:
          lease.outcome satisfies never;
      }
    }
    throw new NodeError("Another process did not obtain an access token in time.", { errorClass: "TIMEOUT", code: "NODE_TIMEOUT" });
  }

  async #renewUnder(stored: StoredCredential, epoch: number): Promise<string> {
    const { db, vault, http, requestTimeoutMs = REQUEST_TIMEOUT_MS } = this.#options;
    const place = { tenantId: stored.tenantId, credentialId: stored.id };
    const { grantVersion } = stored;
    let end: { refusal?: string; restMs: number } = { restMs: REST_MS };
    try {
      const fields = await openOAuth2(stored, vault);
      const answer = readTokenAnswer(await http.send(tokenRequest(fields, requestTimeoutMs)));
      if (answer.kind === "token") {
        await this.#keep(stored, epoch, answer, fields.refreshToken);
        return answer.accessToken;
      }
      if (answer.kind === "rejected") end = { refusal: answer.reason, restMs: 0 };
      if (answer.kind === "limited") end = { restMs: Math.min(answer.retryAfterMs ?? LIMITED_REST_MS, LIMITED_REST_MS_MAX) };
      throw refusalOf(answer, end.restMs);
    } catch (error) {
      await giveUpToken(db, place, epoch, { grantVersion, ...end });
      throw error;
    }
  }

  /** Writes the token, and with it a refresh token that the provider rotated, before anybody uses either. */
  async #keep(read: StoredCredential, epoch: number, answer: Extract<TokenAnswer, { kind: "token" }>, used: string | undefined): Promise<void> {
    const { db, vault } = this.#options;
    const { tenantId, id } = read;
    const rotated = answer.refreshToken === undefined || answer.refreshToken === used ? undefined : answer.refreshToken;
    const expiresInMs = answer.expiresInMs - Math.min(MARGIN_MS, answer.expiresInMs / 4);
    for (let stored: StoredCredential | undefined = read; stored !== undefined; stored = await readCredential(db, tenantId, id)) {
      const { key } = stored.secrets;
      const secrets = rotated === undefined ? undefined : await this.#rotatedSecrets(stored, used, rotated);
      const sealedToken = await vault.seal(key, answer.accessToken, tokenPlace(id, epoch));
      const renewed = { grantVersion: read.grantVersion, sealedToken, tokenVersion: epoch, keyVersion: key.version, expiresInMs, ...(secrets === undefined ? {} : { secrets }) };
      if ((await keepToken(db, { tenantId, credentialId: id }, epoch, renewed)) !== "changed") return;
    }
  }

  /** The secrets with the rotated refresh token; undefined when somebody entered another one meanwhile, which stays. */
  async #rotatedSecrets(stored: StoredCredential, used: string | undefined, rotated: string): Promise<{ sealed: Uint8Array; version: number; from: number } | undefined> {
    const { vault } = this.#options;
    const secrets = await openSecrets(stored, vault);
    if (secrets["refreshToken"] !== used) return undefined;
    const from = stored.secrets.version;
    const sealed = await vault.seal(stored.secrets.key, JSON.stringify({ ...secrets, refreshToken: rotated }), secretsPlace(stored.id, from + 1));
    return { sealed, version: from + 1, from };
  }

  async #openToken(credentialId: string, { key, sealed, version }: Sealed): Promise<string> {
    try {
      return await this.#options.vault.open(key, sealed, tokenPlace(credentialId, version));
    } catch (error) {
      throw error instanceof SecretBoxError ? unreadable(error) : error;
    }
  }
}

function broken(reason: string | null): NodeError {
  return new NodeError(`The provider refuses the credential${reason === null ? "" : ` (${reason})`}; it is not asked again until the credential is changed.`, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" });
}

function refusalOf(answer: Exclude<TokenAnswer, { kind: "token" }>, restMs: number): NodeError {
  switch (answer.kind) {
    case "rejected":
      return new NodeError(`The provider refuses the credential (${answer.reason}).`, { errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" });
    case "limited":
      return new NodeError("The provider asks to slow down before it gives another access token.", { errorClass: "RATE_LIMIT", code: "PROVIDER_RATE_LIMITED", retryAfterMs: restMs });
    case "failed":
      return new NodeError(`The provider gave no access token (${answer.reason}).`, { errorClass: "SERVER", code: "PROVIDER_FAILED" });
    default:
      return answer satisfies never;
  }
}
