/** A finite double as ECMAScript writes it: digits, a fraction, an exponent. */
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/**
 * The sum of numbers as people add them, on their decimal digits: 0.1 + 0.2 is 0.3, and the order does not matter. Infinity when it is too large for a double.
 */
export function decimalSum(numbers: readonly number[]): number {
  const decimals = numbers.map(decimalOf);
  const exponent = decimals.reduce((least, decimal) => Math.min(least, decimal.exponent), 0);
  const digits = decimals.reduce((sum, decimal) => sum + decimal.digits * 10n ** BigInt(decimal.exponent - exponent), 0n);
  return Number(`${digits}e${exponent}`);
}

function decimalOf(number: number): Decimal {
  const [, sign = "", whole = "0", fraction = "", exponent = "0"] = NUMBER.exec(String(number)) ?? [];
  return { digits: BigInt(`${sign}${whole}${fraction}`), exponent: Number(exponent) - fraction.length };
}
