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

/** What a tenant used in a month. */
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

/** One line: `quantity` ÷ `per` × `unitPrice`, and the markup on top. */
export interface InvoiceLine {
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

/** The lines for everything that has a price. Arithmetic is exact; each line is rounded once. @throws RangeError for prices or a currency of another form */
export function invoiceOf(usage: MonthlyUsage, prices: Prices, currency: string): Invoice {
  const decimals = currencyDecimals(currency);
  const sums: bigint[] = [];
  const line = (item: InvoiceLine["item"], quantity: bigint, per: bigint, unitPrice: string | undefined, markupPercent = "0"): InvoiceLine[] => {
    if (unitPrice === undefined) return [];
    const numerator = quantity * toMillionths(unitPrice) * (HUNDRED_PERCENT + toMillionths(markupPercent)) * 10n ** BigInt(decimals);
    const units = divideRounded(numerator, per * MILLIONTHS * HUNDRED_PERCENT);
    sums.push(units);
    return [{ item, quantity, per, unitPrice, markupPercent, amount: toDecimal(units, decimals) }];
  };
  const lines = [
    ...line("monthlyFee", 1n, 1n, prices.monthlyFee),
    ...line("executions", usage.executions, THOUSAND, prices.perThousandExecutions),
    ...line("nodeExecutions", usage.nodeExecutions, THOUSAND, prices.perThousandNodeExecutions),
    ...line("aiTokens", usage.aiTokens, MILLION, prices.perMillionAiTokens),
    ...line("aiCostMicros", usage.aiCostMicros, MILLION, prices.perAiDollar, prices.aiMarkupPercent),
    ...line("egressBytes", usage.egressBytes, GIGABYTE, prices.perEgressGigabyte),
    ...line("storageByteHours", usage.storageByteHours, GIGABYTE * usage.hours, prices.perStorageGigabyteMonth),
  ];
  return { currency, lines, total: toDecimal(sums.reduce((sum, units) => sum + units, 0n), decimals) };
}
