import { createHash, randomBytes } from "node:crypto";
import { uuidV7 } from "@fluxo/prisma/ids";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import type { StoredApiKey } from "@fluxo/prisma/access/api-keys";
import type { StoredSession } from "@fluxo/prisma/access/sessions";
import { afterAll, expect, test } from "vitest";
import { mintApiKey } from "../../keys/api-key.ts";
import { AccessChanges } from "./access-changes.ts";
import { Authenticator } from "./authenticate.ts";
import { FailureLimits } from "./failure-limits.ts";
import { LastUses } from "./last-uses.ts";

/** Every instant at which access ends, by a clock that is driven. Keys and sessions are what the database would tell. */
const logger = createLogger({ service: "test", level: "silent" });
const prefix = `auth-${randomBytes(4).toString("hex")}`;
const redis = createRedis(process.env["FLUXO_TEST_REDIS_URL"] ?? "redis://127.0.0.1:6379", { prefix, logger, role: "commands" });
const clock = new ManualClock();
const stored = { keys: new Map<string, StoredApiKey>(), sessions: new Map<string, StoredSession>() };
const changes = new AccessChanges({ redis, subscriber: redis, prefix, logger });
const uses = () => new LastUses({ write: () => Promise.resolve(), clock, logger });
const authenticator = new Authenticator({
  resolveKey: (id) => Promise.resolve(stored.keys.get(id)),
  resolveSession: (hash) => Promise.resolve(stored.sessions.get(hash.toString("hex"))),
  changes,
  keyUses: uses(),
  sessionUses: uses(),
  limits: new FailureLimits({ redis, changes, clock, metrics: createMetrics(createRegistry()), thresholds: { perAddress: 1_000_000, perKey: 1_000_000 } }),
  sessionIdleMs: 600_000,
  clock,
});
afterAll(() => redis.disconnect());

const after = (ms: number): Date => new Date(clock.now().getTime() + ms);

function key(change: Partial<StoredApiKey> = {}): string {
  const { id, text, secretHash } = mintApiKey(uuidV7, randomBytes);
  stored.keys.set(id, { id, agencyId: uuidV7.next(), tenantId: null, secretHash, previousSecretHash: null, previousUntil: null, scopes: ["tenants:read"], expiresAt: null, revokedAt: null, memberId: null, isSuspended: false, ...change });
  return text;
}

function session(change: Partial<StoredSession> = {}): string {
  const token = randomBytes(32).toString("base64url");
  const hash = createHash("sha256").update(token).digest("hex");
  stored.sessions.set(hash, { id: uuidV7.next(), memberId: uuidV7.next(), agencyId: uuidV7.next(), role: "viewer", tenantIds: null, lastSeenAt: clock.now(), expiresAt: after(3_600_000), isSuspended: false, ...change });
  return token;
}

const outcomeOf = (token: { key?: string; session?: string }): Promise<unknown> =>
  authenticator.authenticate({ authorization: token.key === undefined ? undefined : `Bearer ${token.key}`, sessionToken: token.session, ip: "203.0.113.7" }).then(
    () => "ok",
    (error: { code?: string }) => error.code,
  );

test("a key ends at its instant, also while it is remembered", async () => {
  const ending = key({ expiresAt: after(500) });
  expect(await outcomeOf({ key: ending })).toBe("ok");
  await clock.advance(499);
  expect(await outcomeOf({ key: ending })).toBe("ok");
  await clock.advance(1);
  expect(await outcomeOf({ key: ending })).toBe("UNAUTHENTICATED");
});

test("the secret of before ends with the overlap, and only it", async () => {
  const [before, now] = [mintApiKey(uuidV7, randomBytes), mintApiKey(uuidV7, randomBytes)];
  const text = key({ secretHash: now.secretHash, previousSecretHash: before.secretHash, previousUntil: after(800) });
  const withSecret = (other: string): string => `${text.slice(0, -43)}${other.slice(-43)}`;
  expect([await outcomeOf({ key: withSecret(before.text) }), await outcomeOf({ key: withSecret(now.text) }), await outcomeOf({ key: text })]).toEqual(["ok", "ok", "UNAUTHENTICATED"]);
  await clock.advance(800);
  expect([await outcomeOf({ key: withSecret(before.text) }), await outcomeOf({ key: withSecret(now.text) })]).toEqual(["UNAUTHENTICATED", "ok"]);
});

test("the hash of nothing is nobody's secret", async () => {
  const text = key({ secretHash: new Uint8Array(32), previousSecretHash: new Uint8Array(32), previousUntil: after(1_000) });
  expect(await outcomeOf({ key: text })).toBe("UNAUTHENTICATED");
});

test("a session ends when it is idle, and at its end however much it is used", async () => {
  const idle = session();
  await clock.advance(600_000);
  expect(await outcomeOf({ session: idle })).toBe("ok");
  await clock.advance(1);
  expect(await outcomeOf({ session: idle })).toBe("UNAUTHENTICATED");
  const busy = session({ lastSeenAt: after(3_000), expiresAt: after(2_000) });
  await clock.advance(1_999);
  expect(await outcomeOf({ session: busy })).toBe("ok");
  await clock.advance(1);
  expect(await outcomeOf({ session: busy })).toBe("UNAUTHENTICATED");
});

test("suspended agencies are told apart only to who proves to be of them", async () => {
  const suspended = key({ isSuspended: true });
  expect(await outcomeOf({ key: suspended })).toBe("AGENCY_SUSPENDED");
  expect(await outcomeOf({ key: `${suspended.slice(0, -43)}${"A".repeat(43)}` })).toBe("UNAUTHENTICATED");
  expect(await outcomeOf({ session: session({ isSuspended: true }) })).toBe("AGENCY_SUSPENDED");
  expect(await outcomeOf({})).toBe("UNAUTHENTICATED");
});
