import * as fc from "fast-check";
import { expect, test } from "vitest";
import { findNovelty, SEEN_MIN } from "./cursor.ts";

interface Entry {
  readonly key: string;
  readonly publishedAt: string | null;
}
const entry = (key: number, publishedAt: string | null = null): Entry => ({ key: String(key), publishedAt });
const dateOf = ({ publishedAt }: Entry): string | null => publishedAt;

/** One state of a feed: any items in any order, with dates that change. Over states this is insertion, deletion, resurrection, reordering, editing. */
const feedState = fc.uniqueArray(fc.record({ key: fc.nat(40).map(String), publishedAt: fc.option(fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString())) }), { selector: ({ key }) => key });

test("whatever a feed does, each item after the baseline is emitted once, and each page is no larger than asked for", () => {
  fc.assert(
    fc.property(feedState, fc.array(feedState, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), (baseline, states, max) => {
      let { seen, fresh, hasMore } = findNovelty<Entry>(undefined, baseline, max, dateOf);
      expect([fresh, hasMore]).toEqual([[], false]);
      const emitted: string[] = [];
      for (const state of states) {
        do {
          ({ seen, fresh, hasMore } = findNovelty(seen, state, max, dateOf));
          expect(fresh.length).toBeLessThanOrEqual(max);
          emitted.push(...fresh.map(({ key }) => key));
        } while (hasMore);
      }
      const before = new Set(baseline.map(({ key }) => key));
      const expected = new Set(states.flat().map(({ key }) => key).filter((key) => !before.has(key)));
      expect(emitted.toSorted()).toEqual([...expected].toSorted());
    }),
  );
});

test("the oldest item comes first: by date, or from the end of the document where a date is missing", () => {
  const order = (entries: readonly Entry[]): string[] => findNovelty([], entries, 10, dateOf).fresh.map(({ key }) => key);
  expect(order([entry(1, "2026-01-02T00:00:00Z"), entry(2, "2026-01-03T00:00:00Z"), entry(3, "2026-01-01T00:00:00Z")])).toEqual(["3", "1", "2"]);
  expect(order([entry(1, "2026-01-02T00:00:00Z"), entry(2), entry(3, "2026-01-01T00:00:00Z")])).toEqual(["3", "2", "1"]);
  expect(order([entry(1, "2026-01-01T00:00:00Z"), entry(2, "2026-01-03T00:00:00Z"), entry(3)])).toEqual(["3", "2", "1"]);
});

test("what left the feed is remembered for long, what is in it for ever", () => {
  const large = Array.from({ length: SEEN_MIN + 500 }, (_, key) => entry(key));
  const { seen } = findNovelty(undefined, large, 10, dateOf);
  expect(findNovelty(seen, large.toReversed(), 10, dateOf)).toMatchObject({ fresh: [], hasMore: false });
  const after = findNovelty(seen, [entry(1_000_000)], 10, dateOf);
  expect(after.fresh).toHaveLength(1);
  expect(after.seen).toHaveLength(SEEN_MIN);
  expect(findNovelty(after.seen, large.slice(-1_000), 10, dateOf).fresh).toEqual([]);
});
