import fc from "fast-check";
import { expect, test } from "vitest";
import { divideRounded, toDecimal, toMillionths } from "./decimal.ts";
import { chargeOf, currencyDecimals, effectivePrices, invoiceOf as invoiceOfParts, type Invoice, type MonthlyUsage, type Prices } from "./invoice.ts";

const NOTHING: MonthlyUsage = { executions: 0n, nodeExecutions: 0n, aiTokens: 0n, aiCostMicros: 0n, egressBytes: 0n, storageByteHours: 0n, hours: 720n };

/** Of a month without a change of prices. */
const invoiceOf = (usage: MonthlyUsage, prices: Prices, currency: string): Invoice => invoiceOfParts([{ from: "2026-06-01", to: "2026-07-01", usage, prices }], currency);

const decimals = fc.tuple(fc.bigInt({ min: 0n, max: 999_999_999n }), fc.nat({ max: 999_999 })).map(([whole, part]) => `${whole}.${String(part).padStart(6, "0")}`);

test("units times price, line by line, rounded once, with what nobody could add up in floats", () => {
  const usage = { executions: 12_345n, nodeExecutions: 98_765n, aiTokens: 3_333_333n, aiCostMicros: 1_234_567n, egressBytes: 1_500_000_000n, storageByteHours: 5_000_000_000n * 360n, hours: 720n };
  const prices = { monthlyFee: "49", perThousandExecutions: "1.5", perThousandNodeExecutions: "0.1", perMillionAiTokens: "2", perAiDollar: "0.92", aiMarkupPercent: "20", perEgressGigabyte: "0.09", perStorageGigabyteMonth: "0.1" };
  const invoice = invoiceOf(usage, prices, "EUR");
  expect(invoice.lines.map(({ item, amount }) => [item, amount])).toEqual([
    ["monthlyFee", "49.00"],
    ["executions", "18.52"], // 18.5175
    ["nodeExecutions", "9.88"], // 9.8765
    ["aiTokens", "6.67"], // 6.666666
    ["aiCostMicros", "1.36"], // 1.234567 × 0.92 × 1.2 = 1.36296
    ["egressBytes", "0.14"], // 0.135
    ["storageByteHours", "0.25"],
  ]);
  expect(invoice.total).toBe("85.82");
});

test("a price that changes within the month makes another line, rounded by itself; the fee is charged once, as it is first told", () => {
  const part = (from: string, to: string, executions: bigint, prices: Prices) => ({ from, to, usage: { ...NOTHING, executions, egressBytes: 500_000_000n }, prices });
  const invoice = invoiceOfParts([
    part("2026-06-01", "2026-06-10", 1_000n, { perThousandExecutions: "10", perEgressGigabyte: "1" }),
    part("2026-06-10", "2026-06-20", 1_000n, { perThousandExecutions: "12", perEgressGigabyte: "1", monthlyFee: "49" }),
    part("2026-06-20", "2026-07-01", 500n, { perThousandExecutions: "12", perEgressGigabyte: "1", monthlyFee: "99" }),
  ], "EUR");
  expect(invoice.lines.map(({ item, from, to, quantity, unitPrice, amount }) => [item, from, to, quantity, unitPrice, amount])).toEqual([
    ["monthlyFee", "2026-06-10", "2026-06-20", 1n, "49", "49.00"],
    ["executions", "2026-06-01", "2026-06-10", 1_000n, "10", "10.00"],
    ["executions", "2026-06-10", "2026-07-01", 1_500n, "12", "18.00"],
    ["egressBytes", "2026-06-01", "2026-07-01", 1_500_000_000n, "1", "1.50"],
  ]);
  expect(invoice.total).toBe("78.50");
});

test("a row of usage has its charge to the millionth, and the markup apart", () => {
  const usage = { executions: 1n, nodeExecutions: 3n, aiTokens: 1_000n, aiCostMicros: 1_234n, egressBytes: 10n };
  const prices = { perThousandExecutions: "1.5", perThousandNodeExecutions: "0.1", perMillionAiTokens: "2", perAiDollar: "0.92", aiMarkupPercent: "20" };
  // 0.001234 × 0.92 = 0.00113528; 20 % of it 0.000227056; 0.0015 + 0.0003 + 0.002
  expect(chargeOf(usage, prices)).toEqual({ aiCost: "0.001135", aiMarkup: "0.000227", charge: "0.005162" });
  expect(chargeOf(usage, {})).toEqual({ aiCost: "0.000000", aiMarkup: "0.000000", charge: "0.000000" });
});

test("what has no price has no line; a price of zero has one", () => {
  expect(invoiceOf({ ...NOTHING, executions: 5n }, {}, "USD")).toEqual({ currency: "USD", lines: [], total: "0.00" });
  expect(invoiceOf({ ...NOTHING, executions: 5n }, { perThousandExecutions: "0" }, "USD").lines).toMatchObject([{ item: "executions", quantity: 5n, amount: "0.00" }]);
});

test("amounts have the places of the currency", () => {
  expect(["EUR", "JPY", "KWD"].map(currencyDecimals)).toEqual([2, 0, 3]);
  expect(["EUR", "JPY", "KWD"].map((currency) => invoiceOf(NOTHING, { monthlyFee: "12.3456" }, currency).total)).toEqual(["12.35", "12", "12.346"]);
  expect(() => invoiceOf(NOTHING, {}, "E")).toThrow(RangeError);
});

test("a more special list tells first, price by price", () => {
  expect(effectivePrices([{ monthlyFee: "1" }, { monthlyFee: "2", perAiDollar: "3" }, { perAiDollar: "4", aiMarkupPercent: "5" }])).toEqual({ monthlyFee: "1", perAiDollar: "3", aiMarkupPercent: "5" });
});

test("decimals come back as they were, and refuse other texts", () => {
  fc.assert(fc.property(decimals, (text) => toDecimal(toMillionths(text), 6) === text));
  for (const text of ["", "-1", "1.", ".5", "01", "1e3", "1.1234567", "NaN", "1,5"]) expect(() => toMillionths(text)).toThrow(RangeError);
});

test("rounding is to the nearest, halves up", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 30n }), fc.bigInt({ min: 1n, max: 10n ** 20n }), (numerator, denominator) => {
      const error = 2n * (divideRounded(numerator, denominator) * denominator - numerator);
      expect(error > -denominator && error <= denominator).toBe(true);
    }),
  );
});

test("more use never costs less, a line is off by half a cent at most, and the total is the sum of the lines", () => {
  const quantities = fc.bigInt({ min: 0n, max: 10n ** 15n });
  fc.assert(
    fc.property(quantities, quantities, decimals, decimals, (executions, more, price, markup) => {
      const prices = { perThousandExecutions: price, perAiDollar: "1", aiMarkupPercent: markup };
      const [less, rest] = [invoiceOf({ ...NOTHING, executions, aiCostMicros: executions }, prices, "USD"), invoiceOf({ ...NOTHING, executions: executions + more, aiCostMicros: executions + more }, prices, "USD")];
      const cents = (amount = "0"): bigint => BigInt(amount.replace(".", ""));
      expect(cents(rest.total) >= cents(less.total)).toBe(true);
      expect(cents(less.total)).toBe(less.lines.reduce((sum, { amount }) => sum + cents(amount), 0n));
      // In thousandths of a millionth of a cent: cents × 10^9 against executions × price.
      const off = cents(less.lines[0]?.amount) * 10_000_000n - executions * toMillionths(price);
      expect(off >= -5_000_000n && off <= 5_000_000n).toBe(true);
    }),
  );
});
