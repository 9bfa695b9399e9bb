import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { DispatchStage } from "./stage.ts";

/** How long one round may take, so that all are looked at; what was not looked at by then does not count. */
const ROUND_MS = 240_000;
const ASKED_EVERY_MS = 500;

/**
 * Makes every trigger of a kind due and runs its dispatcher as a process until each was looked at once, or the time is over.
 * @param isFirst forgets the cursors: each look is the first of its trigger
 * @returns looks per second, from the first commit to the last
 * @throws Error when a look failed
 */
export async function lookAtAll(stage: DispatchStage, options: { readonly kind: string; readonly count: number; readonly isFirst: boolean; readonly env: Readonly<Record<string, string>> }): Promise<number> {
  const { owner, startDispatcher, stores } = stage;
  const { kind, count, isFirst, env } = options;
  await owner.query("TRUNCATE polls");
  await owner.query(
    `UPDATE trigger_states SET next_due_at = clock_timestamp(), claimable_at = clock_timestamp(), lease_owner = NULL, lease_until = NULL, cursor = CASE WHEN $2 THEN NULL ELSE cursor END WHERE kind = $1`,
    [kind, isFirst],
  );
  await owner.query("VACUUM ANALYZE trigger_states");
  // Keys of its own: neither orders of the last round nor what was fetched in it.
  const dispatcher = await startDispatcher(kind, { ...env, FLUXO_REDIS_PREFIX: `fluxo-bench-${randomUUID()}` });
  try {
    for (const deadline = Date.now() + ROUND_MS; Date.now() < deadline; await sleep(ASKED_EVERY_MS)) {
      const { rows } = await owner.query<{ looks: number }>("SELECT count(*)::int AS looks FROM polls");
      if ((rows[0]?.looks ?? 0) >= count) break;
    }
    // Before the end of the process, which aborts looks.
    return await rateOfPolls(stage);
  } finally {
    await stores.supervisor.stop(dispatcher);
  }
}

async function rateOfPolls({ owner }: DispatchStage): Promise<number> {
  const { rows } = await owner.query<{ failed: number; code: string | null; rate: number | null }>(
    `SELECT count(error_code)::int AS failed, min(error_code) AS code,
            (count(*) / nullif(extract(epoch FROM max(pg_xact_commit_timestamp(xmin)) - min(pg_xact_commit_timestamp(xmin))), 0))::float8 AS rate FROM polls`,
  );
  const [found] = rows;
  if (found === undefined || found.failed > 0) throw new Error(`${found?.failed} looks failed, for example with ${found?.code}.`);
  return found.rate ?? 0;
}

/** Does `work` for each item, so many at one time, until the time of a round is over. @returns items per second */
export async function rateOf<T>(items: readonly T[], atOneTime: number, work: (item: T) => Promise<void>): Promise<number> {
  const begun = performance.now();
  const queue = items.values();
  let done = 0;
  await Promise.all(
    Array.from({ length: atOneTime }, async () => {
      for (const item of queue) {
        await work(item);
        done += 1;
        if (performance.now() - begun > ROUND_MS) return;
      }
    }),
  );
  return done / ((performance.now() - begun) / 1_000);
}
