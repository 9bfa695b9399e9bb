import type pg from "pg";

/** What asking for the right to renew a token was answered: see functions/credentials.sql. */
export interface TokenLease {
  readonly outcome: "leased" | "fresh" | "busy" | "resting" | "broken";
  readonly epoch: number;
  readonly waitMs: number;
}

/** Bytes that are written, and the version that they were sealed for. */
export interface RenewedToken {
  readonly grantVersion: number;
  readonly sealedToken: Uint8Array;
  readonly tokenVersion: number;
  readonly keyVersion: number;
  readonly expiresInMs: number;
  /** The credential's secrets with a rotated refresh token; made out of the version `from`. */
  readonly secrets?: { readonly sealed: Uint8Array; readonly version: number; readonly from: number };
}

interface Place {
  readonly tenantId: string;
  readonly credentialId: string;
}

/** @param db fluxo_app @param isForced also when there is a valid token, and when the credential is broken @returns undefined when the credential is gone */
export async function leaseToken(db: pg.Pool, { tenantId, credentialId }: Place, owner: string, leaseMs: number, isForced: boolean): Promise<TokenLease | undefined> {
  const { rows } = await db.query<{ outcome: TokenLease["outcome"]; epoch: number; wait_ms: number }>("SELECT outcome, epoch, wait_ms FROM fluxo_credential_lease($1, $2, $3, $4, $5)", [
    tenantId,
    credentialId,
    owner,
    leaseMs,
    isForced,
  ]);
  const row = rows[0];
  return row === undefined ? undefined : { outcome: row.outcome, epoch: row.epoch, waitMs: row.wait_ms };
}

/** @param db fluxo_app */
export async function keepToken(db: pg.Pool, { tenantId, credentialId }: Place, epoch: number, renewed: RenewedToken): Promise<"stored" | "fenced" | "changed"> {
  const { secrets, sealedToken, ...rest } = renewed;
  const content = { ...rest, sealedToken: base64(sealedToken), ...(secrets === undefined ? {} : { secrets: { ...secrets, sealed: base64(secrets.sealed) } }) };
  const { rows } = await db.query<{ outcome: "stored" | "fenced" | "changed" }>("SELECT fluxo_credential_renewed($1, $2, $3, $4) AS outcome", [tenantId, credentialId, epoch, JSON.stringify(content)]);
  return rows[0]?.outcome ?? "fenced";
}

/**
 * Ends a lease without a token.
 * @param db fluxo_app
 * @param refusal why the provider refused for good, which breaks the credential as it was at `grantVersion`; undefined when it may be asked again
 * @param restMs how long nobody asks
 */
export async function giveUpToken(db: pg.Pool, { tenantId, credentialId }: Place, epoch: number, end: { readonly grantVersion: number; readonly refusal?: string; readonly restMs: number }): Promise<void> {
  await db.query("SELECT fluxo_credential_refused($1, $2, $3, $4, $5, $6)", [tenantId, credentialId, epoch, end.grantVersion, end.refusal ?? null, end.restMs]);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
