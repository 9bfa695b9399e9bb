import { at, compareText } from "@fluxo/core/collections";

/** Longest part of a text that is compared by the rules of a locale, which take long; what is equal so far is compared by code units. */
const LOCALE_LENGTH_MAX = 100;

/** The values of one key, in the order of the items; null where there is none. */
export interface KeyColumn {
  readonly values: readonly (string | number | null)[];
  readonly descending: boolean;
  /** BCP 47; null compares by UTF-16 code units. */
  readonly locale: string | null;
  readonly caseSensitive: boolean;
}

type Compare = (left: number, right: number) => number;

/** The places of the items in their new order: by the first key, then by the second, …; equal ones as they were, missing values last. */
export function orderOf({ count, columns }: { readonly count: number; readonly columns: readonly KeyColumn[] }): number[] {
  const compares = columns.map(compareBy);
  return Array.from({ length: count }, (_, index) => index).toSorted((left, right) => {
    for (const compare of compares) {
      const order = compare(left, right);
      if (order !== 0) {
        return order;
      }
    }
    return left - right;
  });
}

function compareBy({ values, descending, locale, caseSensitive }: KeyColumn): Compare {
  const compareTexts = textCompare(locale, caseSensitive);
  const sign = descending ? -1 : 1;
  return (leftIndex, rightIndex) => {
    const left = values[leftIndex] ?? null;
    const right = values[rightIndex] ?? null;
    if (left === null || right === null) {
      return Number(left === null) - Number(right === null);
    }
    return sign * (typeof left === "string" && typeof right === "string" ? compareTexts(left, right) : Number(left) - Number(right));
  };
}

function textCompare(locale: string | null, caseSensitive: boolean): (left: string, right: string) => number {
  if (locale === null) {
    return caseSensitive ? compareText : (left, right) => compareText(left.toLowerCase(), right.toLowerCase());
  }
  const collator = new Intl.Collator(locale, { numeric: true, sensitivity: caseSensitive ? "variant" : "accent" });
  return (left, right) => collator.compare(left.slice(0, LOCALE_LENGTH_MAX), right.slice(0, LOCALE_LENGTH_MAX)) || (caseSensitive ? compareText(left, right) : 0);
}

/** The elements in the order that `orderOf` gives. */
export function inOrder<T>(items: readonly T[], order: readonly number[]): T[] {
  return order.map((index) => at(items, index));
}
