import type pg from "pg";

/** A session as authentication sees it. */
export interface StoredSession {
  readonly id: string;
  readonly memberId: string;
  /** null: a member of the operator. */
  readonly agencyId: string | null;
  readonly role: string;
  /** The only tenants that the member reaches; null: not bound to tenants. */
  readonly tenantIds: readonly string[] | null;
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
  /** Whether its agency is suspended. */
  readonly isSuspended: boolean;
}

/** A person as the identity provider names it, and the session that it gets. */
export interface SignIn {
  readonly issuer: string;
  readonly subject: string;
  /** Only an address that the provider has verified. */
  readonly email: string | null;
  readonly name: string | null;
  readonly sessionId: string;
  readonly tokenHash: Uint8Array;
  readonly now: Date;
  readonly expiresAt: Date;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
}

/** A membership of a person. */
export interface Membership {
  readonly memberId: string;
  readonly agencyId: string | null;
  readonly agencyName: string | null;
  readonly role: string;
  readonly email: string;
  readonly name: string | null;
  readonly isCurrent: boolean;
}

/** `stranger`: nobody invited the person. `expired`: somebody did, and the person came too late. */
export type SignInOutcome = { readonly kind: "opened"; readonly memberId: string; readonly agencyId: string | null } | { readonly kind: "stranger" | "expired" };

/** Opens a session for a person whom somebody invited; leaves an entry in the audit log, also of a refusal. @param db fluxo_app */
export async function signIn(db: pg.Pool, person: SignIn): Promise<SignInOutcome> {
  const { issuer, subject, email, name, sessionId, tokenHash, now, expiresAt, ip, userAgent, requestId } = person;
  const { rows } = await db.query<{ member_id: string | null; agency_id: string | null }>({
    name: "fluxo_sign_in",
    text: "SELECT * FROM fluxo_sign_in($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    values: [issuer, subject, email, name, sessionId, Buffer.from(tokenHash), now, expiresAt, ip, userAgent, requestId],
  });
  const row = rows[0];
  if (row === undefined) return { kind: "stranger" };
  return row.member_id === null ? { kind: "expired" } : { kind: "opened", memberId: row.member_id, agencyId: row.agency_id };
}

/** @param db fluxo_app @returns undefined when no session has the token */
export async function resolveSession(db: pg.Pool, tokenHash: Uint8Array): Promise<StoredSession | undefined> {
  const { rows } = await db.query<{ id: string; member_id: string; agency_id: string | null; role: string; tenant_ids: string[] | null; last_seen_at: Date; expires_at: Date; is_suspended: boolean }>({
    name: "fluxo_resolve_session",
    text: "SELECT * FROM fluxo_resolve_session($1)",
    values: [Buffer.from(tokenHash)],
  });
  const row = rows[0];
  return row === undefined
    ? undefined
    : { id: row.id, memberId: row.member_id, agencyId: row.agency_id, role: row.role, tenantIds: row.tenant_ids, lastSeenAt: row.last_seen_at, expiresAt: row.expires_at, isSuspended: row.is_suspended };
}

/** Notes when sessions were last used; at most once a minute per session. @param db fluxo_app */
export async function noteSessionUses(db: pg.Pool, uses: ReadonlyMap<string, Date>): Promise<void> {
  await db.query({ name: "fluxo_note_session_uses", text: "SELECT fluxo_note_session_uses($1, $2)", values: [[...uses.keys()], [...uses.values()]] });
}

/** Every membership of the person behind a session. @param db fluxo_app */
export async function membershipsOf(db: pg.Pool, sessionId: string): Promise<Membership[]> {
  const { rows } = await db.query<{ member_id: string; agency_id: string | null; agency_name: string | null; role: string; email: string; name: string | null; is_current: boolean }>({
    name: "fluxo_memberships",
    text: "SELECT * FROM fluxo_memberships($1)",
    values: [sessionId],
  });
  return rows.map((row) => ({ memberId: row.member_id, agencyId: row.agency_id, agencyName: row.agency_name, role: row.role, email: row.email, name: row.name, isCurrent: row.is_current }));
}

/** Goes on as another membership of the same person. @param db fluxo_app @returns whether the person has it */
export async function switchSession(db: pg.Pool, sessionId: string, memberId: string, now: Date): Promise<boolean> {
  const { rows } = await db.query<{ is_switched: boolean }>({ name: "fluxo_switch_session", text: "SELECT fluxo_switch_session($1, $2, $3) AS is_switched", values: [sessionId, memberId, now] });
  return rows[0]?.is_switched === true;
}

/** What ends a session, for its entry in the audit log. */
export interface SignOut {
  /** The operation's id. */
  readonly action: string;
  readonly ip: string | null;
  readonly userAgent: string | null;
  readonly requestId: string;
}

/** Ends the session with a token, if there is one, and leaves an entry of its member in the audit log. @param db fluxo_app */
export async function signOut(db: pg.Pool, tokenHash: Uint8Array, { action, ip, userAgent, requestId }: SignOut): Promise<void> {
  await db.query({ name: "fluxo_sign_out", text: "SELECT fluxo_sign_out($1, $2, $3, $4, $5)", values: [Buffer.from(tokenHash), action, ip, userAgent, requestId] });
}
