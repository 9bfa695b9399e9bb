import fc from "fast-check";
import { expect, test } from "vitest";
import { agencyLimitsSchema, exceededLimits, type AgencyLimits } from "./agency-limits.ts";

const names = agencyLimitsSchema.keyof().options;
const limits = fc.dictionary(fc.constantFrom(...names), fc.nat(3)) as fc.Arbitrary<AgencyLimits>;

test("names exactly the limits that are set and gone beyond", () => {
  fc.assert(
    fc.property(limits, limits, (terms, allowed) => {
      const exceeded = exceededLimits(terms, allowed);
      for (const name of names) {
        const isBeyond = (terms[name] ?? 0) > (allowed[name] ?? Infinity);
        expect(exceeded.some(({ limit }) => limit === name)).toBe(isBeyond);
      }
    }),
  );
});

test("without limits everything is allowed; a limit of 0 allows nothing", () => {
  expect(exceededLimits({ seatsMax: 1_000 }, {})).toEqual([]);
  expect(exceededLimits({ seatsMax: 1 }, { seatsMax: 0 })).toEqual([{ limit: "seatsMax", wanted: 1, allowed: 0 }]);
});
