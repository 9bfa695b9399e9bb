import { isDeepStrictEqual } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { SourceStage, type SourceHarness, type StagedSource } from "./source-stage.ts";
import { startWholeDispatcher } from "./whole-dispatcher.ts";

/**
 * What holds for every polled kind, whatever its source: a baseline that emits nothing, each item one execution for ever (I1) over restarts, crashes at
 * every write boundary and processes that come back as zombies, a cursor that never passes an item that is not committed (I3), backlogs in pages, poison
 * that is parked (I9), tenants apart (I6), a clean stop. For `*.store.test.ts` files.
 */
export function describeSourceContract(name: string, harness: SourceHarness): void {
  describe(`${name} as a source`, () => {
    let stage: SourceStage;

    beforeAll(async () => {
      stage = await SourceStage.open(harness);
    });
    afterEach(() => stage.clear());
    afterAll(() => stage.close());

    testNovelty(() => stage);
    testCrashes(() => stage);
    testZombies(() => stage);
    testCompany(() => stage);
    testStops(() => stage);
  });
}

/** What is new, and what is not. */
function testNovelty(stageOf: () => SourceStage): void {
  test("the first look takes a baseline and emits nothing, however much is there; what comes after it is emitted", async () => {
    const stage = stageOf();
    const staged = await stage.stage();
    await staged.source.add(3);
    expect(await stage.look(staged)).toMatchObject({ accepted: 0, duplicate: 0, filtered: 0, parked: 0 });
    expect(await stage.tally(staged)).toEqual({ executions: 0, parked: 0, occurrences: 0 });
    expect((await stage.state(staged))["cursor"]).not.toBeNull();
    await staged.source.add(2);
    expect(await stage.lookUntil(staged, 2)).toEqual({ executions: 2, parked: 0, occurrences: 2 });
  });

  test("a baseline of nothing is one too", async () => {
    const stage = stageOf();
    const staged = await stage.stage();
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    expect((await stage.state(staged))["cursor"]).not.toBeNull();
    await staged.source.add(1);
    expect(await stage.lookUntil(staged, 1)).toMatchObject({ executions: 1 });
  });

  test("each item starts one execution, over restarts and looks that find nothing new", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    for (let round = 1; round <= 3; round += 1) {
      await staged.source.add(2);
      expect(await stage.lookUntil(staged, round * 2)).toEqual({ executions: round * 2, parked: 0, occurrences: round * 2 });
      expect(await stage.look(staged, `restarted ${round}`)).toMatchObject({ accepted: 0, parked: 0 });
    }
    await expectBalancedLedger(stage, staged);
  });

  test("a cursor that went back, as after a restored backup of it, finds duplicates and starts nothing", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    const { cursor } = await stage.state(staged);
    await staged.source.add(2);
    await stage.lookUntil(staged, 2);
    await stage.owner.query("UPDATE trigger_states SET cursor = $2 WHERE trigger_id = $1", [staged.triggerId, JSON.stringify(cursor)]);
    await staged.source.add(1);
    expect(await stage.lookUntil(staged, 3)).toEqual({ executions: 3, parked: 0, occurrences: 3 });
    await expectBalancedLedger(stage, staged);
  });
}

/** A process that ends at any write boundary, and between pages. */
function testCrashes(stageOf: () => SourceStage): void {
  test("a crash before the commit loses nothing and writes nothing", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    const before = await stage.state(staged);
    await staged.source.add(2);
    const gone = stage.onlyConnection();
    await gone.end();
    await expect(stage.runner(staged, "a", gone).run(await stage.claim(staged))).rejects.toThrow();
    expect((await stage.state(staged))["cursor"]).toEqual(before["cursor"]);
    expect(await stage.tally(staged)).toMatchObject({ occurrences: 0 });
    expect(await stage.lookUntil(staged, 2)).toMatchObject({ executions: 2, occurrences: 2 });
  });

  test("a crash inside of the commit, after every write of it, leaves no write of it", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    const before = await stage.state(staged);
    await staged.source.add(2);
    const claimed = await stage.claim(staged);
    const only = stage.onlyConnection();
    await only.query("BEGIN");
    expect(await stage.runner(staged, "a", only).run(claimed)).toMatchObject({ isHeld: true });
    await only.end();
    expect((await stage.state(staged))["cursor"]).toEqual(before["cursor"]);
    expect(await stage.tally(staged)).toMatchObject({ executions: 0, occurrences: 0 });
    expect(await stage.lookUntil(staged, 2)).toMatchObject({ executions: 2, occurrences: 2 });
  });

  test("a crash after the commit, before its answer is known, repeats nothing", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    await staged.source.add(2);
    await stage.lookUntil(staged, 2);
    // What a dead process knew is gone; its job comes again to another one.
    for (const process of ["a", "b"]) expect(await stage.look(staged, process)).toMatchObject({ accepted: 0 });
    expect(await stage.tally(staged)).toMatchObject({ executions: 2, occurrences: 2 });
  });

  test("a backlog larger than a page comes in pages, each look due at once, with a crash between them", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    const { pageSize } = staged.source;
    const count = pageSize * 2 + 1;
    await staged.source.add(count);
    let accepted = 0;
    let crashes = 0;
    for (let looks = 0; accepted < count && looks < 30; looks += 1) {
      const result = await stage.look(staged);
      accepted += result?.accepted ?? 0;
      expect(result?.accepted).toBeLessThanOrEqual(pageSize);
      if (accepted === 0 || accepted === count) continue;
      expect(await stage.state(staged)).toMatchObject({ is_due: true, error_code: null });
      const gone = stage.onlyConnection();
      await gone.end();
      await expect(stage.runner(staged, "a", gone).run(await stage.claim(staged))).rejects.toThrow();
      crashes += 1;
    }
    expect(await stage.tally(staged)).toEqual({ executions: count, parked: 0, occurrences: count });
    expect(crashes).toBeGreaterThan(0);
    expect(await stage.look(staged)).toMatchObject({ accepted: 0 });
    await expectBalancedLedger(stage, staged);
  });
}

/** A process that goes on after its lease. */
function testZombies(stageOf: () => SourceStage): void {
  test("a zombie that was paused before its commit, past its lease, writes nothing; its successor has it all", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    await staged.source.add(2);
    const only = stage.onlyConnection();
    const connection = await only.connect();
    const paused = stage.runner(staged, "zombie", only).run(await stage.claim(staged, "zombie"));
    await expect.poll(() => only.waitingCount).toBe(1);
    const successor = await stage.lookUntil(staged, 2);
    expect(successor).toMatchObject({ executions: 2, occurrences: 2 });
    await staged.source.add(1);
    await stage.lookUntil(staged, 3);
    const { cursor } = await stage.state(staged);
    connection.release();
    expect(await paused).toBeUndefined();
    expect((await stage.state(staged))["cursor"]).toEqual(cursor);
    expect(await stage.tally(staged)).toMatchObject({ executions: 3, occurrences: 3 });
    await only.end();
  });

  test("a zombie that was paused before its look writes nothing either", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    const zombie = await stage.claim(staged, "zombie");
    await staged.source.add(2);
    await stage.lookUntil(staged, 2);
    await staged.source.add(1);
    expect(await stage.runner(staged, "zombie").run(zombie)).toBeUndefined();
    expect(await stage.tally(staged)).toMatchObject({ executions: 2 });
    expect(await stage.lookUntil(staged, 3)).toMatchObject({ executions: 3, occurrences: 3 });
  });
}

/** Items and tenants beside each other. */
function testCompany(stageOf: () => SourceStage): void {
  test("poison is parked once, with a reason and where it is; the source goes on", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    await staged.source.add(1);
    await staged.source.addPoison();
    await staged.source.add(1);
    expect(await stage.lookUntil(staged, 3)).toEqual({ executions: 2, parked: 1, occurrences: 3 });
    const { rows } = await stage.owner.query<Record<string, string>>("SELECT code, message, reference FROM parked_items WHERE trigger_id = $1", [staged.triggerId]);
    for (const text of Object.values(rows[0] ?? {})) expect(text).not.toBe("");
    expect(await stage.look(staged)).toMatchObject({ accepted: 0, parked: 0 });
    await staged.source.add(1);
    expect(await stage.lookUntil(staged, 4)).toEqual({ executions: 3, parked: 1, occurrences: 4 });
    expect(await stage.state(staged)).toMatchObject({ failures: 0, error_code: null });
    await expectBalancedLedger(stage, staged);
  });

  test("parameters that cannot be read are told at their trigger, and hold up no other source", async () => {
    const stage = stageOf();
    const [broken, sound] = [await stage.stage(), await stage.stage()];
    await stage.owner.query("UPDATE triggers SET config = '{\"intervalSeconds\":\"often\"}' WHERE id = $1", [broken.triggerId]);
    await Promise.all([broken, sound].map((staged) => stage.makeDue(staged)));
    const dispatcher = startWholeDispatcher(stage, sound, "first");
    try {
      await expect.poll(async () => [await stage.state(broken), await stage.state(sound)], { timeout: 20_000, interval: 100 }).toMatchObject([
        { cursor: null, failures: 1, error_code: "PARAMS_INVALID" },
        { cursor: expect.anything(), failures: 0 },
      ]);
    } finally {
      await dispatcher.stop();
    }
    expect(await stage.state(broken)).toMatchObject({ is_due: false });
  });

  test("two tenants' sources have nothing of each other", async () => {
    const stage = stageOf();
    const [first, second] = [await stage.stageWatched(), await stage.stageWatched()];
    await first.source.add(2);
    await second.source.add(1);
    expect(await stage.lookUntil(first, 2)).toMatchObject({ executions: 2, occurrences: 2 });
    expect(await stage.tally(second)).toMatchObject({ occurrences: 0 });
    expect(await stage.lookUntil(second, 1)).toMatchObject({ executions: 1, occurrences: 1 });
    await stage.look(first);
    expect(await stage.tally(first)).toMatchObject({ executions: 2 });
    const { rows } = await stage.owner.query("SELECT tenant_id, count(*)::int AS n FROM executions WHERE trigger_id = ANY ($1) GROUP BY 1 ORDER BY 2 DESC", [[first.triggerId, second.triggerId]]);
    expect(rows).toEqual([{ tenant_id: first.tenantId, n: 2 }, { tenant_id: second.tenantId, n: 1 }]);
  });
}

/** The end of a process that is told to stop. */
function testStops(stageOf: () => SourceStage): void {
  test("a look that is stopped ends soon, emits nothing and moves no cursor", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    const before = await stage.state(staged);
    await staged.source.add(2);
    const stopping = new AbortController();
    stopping.abort(new Error("The dispatcher stops."));
    const begunMs = performance.now();
    await stage.runner(staged).run(await stage.claim(staged), stopping.signal).catch(() => undefined);
    expect(performance.now() - begunMs).toBeLessThan(5_000);
    const isStopped = isDeepStrictEqual((await stage.state(staged))["cursor"], before["cursor"]) && (await stage.tally(staged)).occurrences === 0;
    // A look that was over before it heard of the stop is as good.
    expect(isStopped || (await stage.tally(staged)).executions === 2).toBe(true);
    expect(await stage.lookUntil(staged, 2)).toMatchObject({ executions: 2, occurrences: 2 });
  });

  test("the whole dispatcher, with queue and limits, stops while it works; another one goes on without loss or repeat", async () => {
    const stage = stageOf();
    const staged = await stage.stageWatched();
    await staged.source.add(3);
    const { epoch } = await stage.state(staged);
    const first = startWholeDispatcher(stage, staged, "first");
    await stage.makeDue(staged);
    await expect.poll(async () => (await stage.state(staged))["epoch"], { interval: 5 }).not.toBe(epoch);
    await first.stop();
    const { occurrences } = await stage.tally(staged);
    await staged.source.add(2);
    await stage.makeDue(staged);
    expect((await stage.tally(staged)).occurrences).toBe(occurrences);
    const second = startWholeDispatcher(stage, staged, "second");
    try {
      await expect
        .poll(async () => {
          const tally = await stage.tally(staged);
          if (tally.occurrences < 5) await stage.hasten(staged);
          return tally;
        }, { timeout: 40_000, interval: 500 })
        .toEqual({ executions: 5, parked: 0, occurrences: 5 });
    } finally {
      await second.stop();
    }
    await expectBalancedLedger(stage, staged);
  });
}

/** Every poll's numbers add up, and all of them together are what is recorded. */
async function expectBalancedLedger(stage: SourceStage, staged: StagedSource): Promise<void> {
  const { rows } = await stage.owner.query(
    `SELECT bool_and(seen = accepted + duplicate + filtered + parked) AS is_balanced, sum(accepted)::int AS accepted, sum(accepted + filtered + parked)::int AS recorded
     FROM polls WHERE trigger_id = $1`,
    [staged.triggerId],
  );
  const { executions, occurrences } = await stage.tally(staged);
  expect(rows).toEqual([{ is_balanced: true, accepted: executions, recorded: occurrences }]);
}
