import { randomBytes, randomUUID } from "node:crypto";
import { performance } from "node:perf_hooks";
import { createPool } from "@fluxo/prisma/database/pool";
import { systemClock } from "@fluxo/runtime/clock";
import { createLogger } from "@fluxo/runtime/logger";
import { createMetrics, createRegistry } from "@fluxo/runtime/metrics";
import { createRedis } from "@fluxo/runtime/redis";
import type { Authenticator } from "../../../control-plane/src/api/access/authenticate.ts";
import { openAccess } from "../../../control-plane/src/api/access/open-access.ts";
import { mintApiKey } from "../../../control-plane/src/keys/api-key.ts";
import { urlAs } from "../../../scripts/environment/services.ts";
import { TEST_PASSWORDS } from "../../support/database.ts";
import type { Bench } from "../environment.ts";
import type { Scenario } from "./scenario.ts";

const KEYS = 10_000;
/** Checks of one key of the mix: what a caller sends in one second. */
const REPEATS = 20;
const AT_ONCE = 32;
const CONNECTIONS = 10;
const GOAL_MS = 0.2;

/** What the check of an API key costs in the process of the admin API, by the same code, on the same stores; without HTTP. */
export const keys: Scenario = {
  name: "keys",
  title: `Check of an API key, ${KEYS.toLocaleString("en")} keys`,
  run: async (bench, rounds) => {
    const texts = await createKeys(bench);
    const pool = createPool({ connectionString: urlAs(bench.system.databaseUrl, "fluxo_app", TEST_PASSWORDS.app), applicationName: "bench-keys", max: CONNECTIONS, role: "fluxo_app" });
    const logger = createLogger({ service: "bench", level: "silent" });
    const prefix = `bench-keys-${randomUUID()}`;
    const redis = createRedis(bench.system.redisUrl, { prefix, logger, role: "commands" });
    const subscriber = createRedis(bench.system.redisUrl, { prefix, logger, role: "blocking" });
    const metrics = createMetrics(createRegistry());
    const access = openAccess({ pool, redis, subscriber, prefix, sessionIdleMs: 3_600_000, thresholds: { perAddress: 60, perKey: 30 }, clock: systemClock, logger, metrics });
    const forget = (): Promise<void> => access.changes.announce({ version: 1, kind: "everything" });
    const [remembered, unknown, mixed]: [number[], number[], number[]] = [[], [], []];
    try {
      await check(access.authenticator, texts);
      for (let round = 0; round < rounds; round += 1) {
        await forget();
        unknown.push(await check(access.authenticator, texts));
        remembered.push(await check(access.authenticator, Array.from({ length: KEYS }, () => texts[0] ?? "")));
        await forget();
        mixed.push(await check(access.authenticator, shuffled(texts.flatMap((text) => Array.from({ length: REPEATS }, () => text)))));
      }
    } finally {
      await access.stop();
      subscriber.disconnect();
      redis.disconnect();
      await pool.end();
    }
    return [
      { name: "key check, one key over and over", unit: "ms", values: remembered, goal: { of: "value", is: "<=", bound: GOAL_MS } },
      { name: "key check, each key once, nothing remembered", unit: "ms", values: unknown },
      { name: `key check amortized: each key ${REPEATS} times in any order`, unit: "ms", values: mixed, goal: { of: "value", is: "<=", bound: GOAL_MS } },
    ];
  },
};

/** Keys of tenants of one agency, written at once. @returns their texts */
async function createKeys({ client, system }: Bench): Promise<string[]> {
  const made = Array.from({ length: KEYS }, () => mintApiKey({ next: randomUUID }, randomBytes));
  await client.sql(
    `INSERT INTO api_keys (id, agency_id, name, prefix, secret_hash, scopes)
     SELECT k.id, $1, 'Bench', k.prefix, k.hash, '{tenants:read}' FROM unnest($2::uuid[], $3::text[], $4::bytea[]) AS k (id, prefix, hash)`,
    [system.agencyId, made.map(({ id }) => id), made.map(({ prefix }) => prefix), made.map(({ secretHash }) => secretHash)],
  );
  await client.sql("ANALYZE api_keys");
  return made.map(({ text }) => text);
}

/** Checks keys, several at once. @returns milliseconds per check, by the clock of the wall */
async function check(authenticator: Authenticator, texts: readonly string[]): Promise<number> {
  let next = 0;
  const begun = performance.now();
  const work = async (): Promise<void> => {
    for (let text = texts[next++]; text !== undefined; text = texts[next++]) await authenticator.authenticate({ authorization: `Bearer ${text}`, sessionToken: undefined, ip: "203.0.113.7" });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return (performance.now() - begun) / texts.length;
}

/** The same in an order that is the same in every run. */
function shuffled<T>(items: T[]): T[] {
  let state = 1;
  for (let index = items.length - 1; index > 0; index -= 1) {
    state = (state * 48_271) % 2_147_483_647;
    const other = state % (index + 1);
    const [a, b] = [items[index], items[other]];
    if (a !== undefined && b !== undefined) {
      items[index] = b;
      items[other] = a;
    }
  }
  return items;
}
