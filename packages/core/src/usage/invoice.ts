import { divideRounded, PRICE_DECIMALS, toDecimal, toMillionths } from "./decimal.ts";

/** What usage costs, in a currency: decimals as texts. What is absent costs nothing, or what a more general list says. */
export interface Prices {
  /** Of each month. */
  readonly monthlyFee?: string;
  readonly perThousandExecutions?: string;
  readonly perThousandNodeExecutions?: string;
  readonly perMillionAiTokens?: string;
  /** What a US dollar that a provider of models charges is charged on with, before the markup. */
  readonly perAiDollar?: string;
  /** Percent on top of what providers of models charge. */
  readonly aiMarkupPercent?: string;
  readonly perEgressGigabyte?: string;
  readonly perStorageGigabyteMonth?: string;
}

/** What a tenant used in a month, or in a part of it. */
export interface MonthlyUsage {
  readonly executions: bigint;
  readonly nodeExecutions: bigint;
  readonly aiTokens: bigint;
  readonly aiCostMicros: bigint;
  readonly egressBytes: bigint;
  /** Bytes times hours for which they were kept. */
  readonly storageByteHours: bigint;
  /** Hours of the whole month. */
  readonly hours: bigint;
}

/** A part of a month in which the same prices are in force. */
export interface PricedUsage {
  /** ISO dates; `to` is the day after the last. */
  readonly from: string;
  readonly to: string;
  readonly usage: MonthlyUsage;
  readonly prices: Prices;
}

/** One line: `quantity` ÷ `per` × `unitPrice`, and the markup on top. */
export interface InvoiceLine {
  /** The days that it is for, as ISO dates; `to` is the day after the last. */
  readonly from: string;
  readonly to: string;
  readonly item: "monthlyFee" | "executions" | "nodeExecutions" | "aiTokens" | "aiCostMicros" | "egressBytes" | "storageByteHours";
  readonly quantity: bigint;
  /** How many of the quantity the price is for. */
  readonly per: bigint;
  readonly unitPrice: string;
  readonly markupPercent: string;
  /** Rounded to the currency's last place, halves up. */
  readonly amount: string;
}

export interface Invoice {
  readonly currency: string;
  readonly lines: readonly InvoiceLine[];
  /** The sum of the lines as they are rounded. */
  readonly total: string;
}

const THOUSAND = 1_000n;
const MILLION = 1_000_000n;
const GIGABYTE = 1_000_000_000n;
const MILLIONTHS = 10n ** BigInt(PRICE_DECIMALS);
const HUNDRED_PERCENT = 100n * MILLIONTHS;

/** Price lists laid over each other: for each price the first list that tells one. */
export function effectivePrices(lists: readonly Prices[]): Prices {
  return Object.assign({}, ...lists.toReversed()) as Prices;
}

/** The places of a currency's amounts (ISO 4217): 2 for EUR, 0 for JPY. @throws RangeError for a text that is no currency code */
export function currencyDecimals(currency: string): number {
  return new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
}

type Charge = Omit<InvoiceLine, "amount">;

/**
 * The lines for everything that has a price, by the prices of the days on which it was used: a price that changes within the month makes another line. The monthly fee is charged once, as it is first
 * told in the month. Arithmetic is exact; each line is rounded once.
 * @param parts of one month, in the order of time
 * @throws RangeError for prices or a currency of another form
 */
export function invoiceOf(parts: readonly PricedUsage[], currency: string): Invoice {
  const decimals = currencyDecimals(currency);
  const fee = parts.find(({ prices }) => prices.monthlyFee !== undefined);
  const charges = parts.map((part) => chargesOf(part, part === fee));
  const items = new Map<InvoiceLine["item"], Charge[]>();
  for (const charge of charges.flat()) items.set(charge.item, joined(items.get(charge.item) ?? [], charge));
  const sums: bigint[] = [];
  const lines = ITEMS.flatMap((item) => items.get(item) ?? []).map((charge): InvoiceLine => {
    const { quantity, per, unitPrice, markupPercent } = charge;
    const units = divideRounded(quantity * toMillionths(unitPrice) * (HUNDRED_PERCENT + toMillionths(markupPercent)) * 10n ** BigInt(decimals), per * MILLIONTHS * HUNDRED_PERCENT);
    sums.push(units);
    return { ...charge, amount: toDecimal(units, decimals) };
  });
  return { currency, lines, total: toDecimal(sums.reduce((sum, units) => sum + units, 0n), decimals) };
}

const ITEMS = ["monthlyFee", "executions", "nodeExecutions", "aiTokens", "aiCostMicros", "egressBytes", "storageByteHours"] as const satisfies readonly InvoiceLine["item"][];

function chargesOf({ from, to, usage, prices }: PricedUsage, hasFee: boolean): Charge[] {
  const charge = (item: InvoiceLine["item"], quantity: bigint, per: bigint, unitPrice: string | undefined, markupPercent = "0"): Charge[] => (unitPrice === undefined ? [] : [{ from, to, item, quantity, per, unitPrice, markupPercent }]);
  return [
    ...charge("monthlyFee", 1n, 1n, hasFee ? prices.monthlyFee : undefined),
    ...charge("executions", usage.executions, THOUSAND, prices.perThousandExecutions),
    ...charge("nodeExecutions", usage.nodeExecutions, THOUSAND, prices.perThousandNodeExecutions),
    ...charge("aiTokens", usage.aiTokens, MILLION, prices.perMillionAiTokens),
    ...charge("aiCostMicros", usage.aiCostMicros, MILLION, prices.perAiDollar, prices.aiMarkupPercent),
    ...charge("egressBytes", usage.egressBytes, GIGABYTE, prices.perEgressGigabyte),
    ...charge("storageByteHours", usage.storageByteHours, GIGABYTE * usage.hours, prices.perStorageGigabyteMonth),
  ];
}

/** Days that follow each other at the same price are one line. */
function joined(charges: readonly Charge[], next: Charge): Charge[] {
  const last = charges.at(-1);
  if (last === undefined || last.to !== next.from || last.unitPrice !== next.unitPrice || last.markupPercent !== next.markupPercent) return [...charges, next];
  return [...charges.slice(0, -1), { ...last, to: next.to, quantity: last.quantity + next.quantity }];
}

/** What one row of usage costs, exact to a millionth of the currency, halves up; without what is charged by the month: the fee, and storage. */
export interface UsageCharge {
  /** What providers of models charged, in the currency, before the markup. */
  readonly aiCost: string;
  readonly aiMarkup: string;
  /** Everything that has a price, the markup included. */
  readonly charge: string;
}

/** @throws RangeError for prices of another form */
export function chargeOf(usage: Omit<MonthlyUsage, "storageByteHours" | "hours">, prices: Prices): UsageCharge {
  const exact = (quantity: bigint, per: bigint, unitPrice = "0", percent = HUNDRED_PERCENT): bigint => divideRounded(quantity * toMillionths(unitPrice) * percent, per * HUNDRED_PERCENT);
  const aiCost = exact(usage.aiCostMicros, MILLION, prices.perAiDollar);
  const aiMarkup = exact(usage.aiCostMicros, MILLION, prices.perAiDollar, toMillionths(prices.aiMarkupPercent ?? "0"));
  const rest = [
    exact(usage.executions, THOUSAND, prices.perThousandExecutions),
    exact(usage.nodeExecutions, THOUSAND, prices.perThousandNodeExecutions),
    exact(usage.aiTokens, MILLION, prices.perMillionAiTokens),
    exact(usage.egressBytes, GIGABYTE, prices.perEgressGigabyte),
  ];
  const decimal = (units: bigint): string => toDecimal(units, PRICE_DECIMALS);
  return { aiCost: decimal(aiCost), aiMarkup: decimal(aiMarkup), charge: decimal(rest.reduce((sum, units) => sum + units, aiCost + aiMarkup)) };
}
