import { expect, test } from "vitest";
import { priceSpans, pricesOn, SINCE_EVER, type PriceHistory, type PriceVersion } from "./price-history.ts";

const agency = (validFrom: string, prices: PriceVersion["prices"], currency = "EUR"): PriceVersion => ({ planId: null, tenantId: null, currency, prices, validFrom });
const ofPlan = (planId: string, validFrom: string, prices: PriceVersion["prices"]): PriceVersion => ({ planId, tenantId: null, currency: null, prices, validFrom });
const ofTenant = (validFrom: string, prices: PriceVersion["prices"]): PriceVersion => ({ planId: null, tenantId: "t", currency: null, prices, validFrom });

const history: PriceHistory = {
  plans: [{ fromDay: "2026-06-15", planId: "pro" }, { fromDay: SINCE_EVER, planId: "starter" }],
  versions: [
    agency("2026-06-20", { perThousandExecutions: "12", perAiDollar: "1" }),
    agency(SINCE_EVER, { perThousandExecutions: "10", perAiDollar: "1" }),
    ofPlan("starter", SINCE_EVER, { monthlyFee: "49" }),
    ofPlan("pro", SINCE_EVER, { monthlyFee: "99", perThousandExecutions: "5" }),
    ofTenant("2026-06-10", { aiMarkupPercent: "20" }),
    ofTenant("2026-06-12", {}),
  ],
};

test("a day has the prices that are in force on it, of the plan that the tenant had on it", () => {
  expect(pricesOn(history, "2026-06-01")).toEqual({ currency: "EUR", prices: { monthlyFee: "49", perThousandExecutions: "10", perAiDollar: "1" } });
  expect(pricesOn(history, "2026-06-10").prices).toMatchObject({ aiMarkupPercent: "20" });
  expect(pricesOn(history, "2026-06-12").prices).not.toHaveProperty("aiMarkupPercent");
  expect(pricesOn(history, "2026-06-15").prices).toEqual({ monthlyFee: "99", perThousandExecutions: "5", perAiDollar: "1" });
});

test("a month falls into spans of the same prices; a change that changes nothing makes none", () => {
  expect(priceSpans(history, "2026-06-01", "2026-07-01").map(({ from, to, prices }) => [from, to, prices.perThousandExecutions, prices.aiMarkupPercent])).toEqual([
    ["2026-06-01", "2026-06-10", "10", undefined],
    ["2026-06-10", "2026-06-12", "10", "20"],
    ["2026-06-12", "2026-06-15", "10", undefined],
    // The plan's own price goes before the agency's, which changes on the 20th.
    ["2026-06-15", "2026-07-01", "5", undefined],
  ]);
  expect(priceSpans({ versions: [], plans: [] }, "2026-06-01", "2026-07-01")).toEqual([{ from: "2026-06-01", to: "2026-07-01", prices: {}, currency: undefined }]);
});

test("what changes today changes nothing of before", () => {
  const before = priceSpans(history, "2026-05-01", "2026-06-01");
  const changed = { plans: [...history.plans, { fromDay: "2026-06-01", planId: "pro" }], versions: [...history.versions, agency("2026-06-01", { perThousandExecutions: "99" })] };
  expect(priceSpans(changed, "2026-05-01", "2026-06-01")).toEqual(before);
});
