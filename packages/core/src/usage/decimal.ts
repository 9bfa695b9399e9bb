/** Decimals of prices: exact to six places, as whole millionths. */
export const PRICE_DECIMALS = 6;

/** The form of a decimal that is not negative: twelve digits before the point and six after it at most. */
export const DECIMAL_FORM = /^(?:0|[1-9]\d{0,11})(?:\.\d{1,6})?$/;

/** The millionths of a decimal. @throws RangeError for a text of another form */
export function toMillionths(decimal: string): bigint {
  if (!DECIMAL_FORM.test(decimal)) throw new RangeError(`"${decimal}" is no decimal of at most ${PRICE_DECIMALS} places.`);
  const [whole = "0", fraction = ""] = decimal.split(".");
  return BigInt(whole + fraction.padEnd(PRICE_DECIMALS, "0"));
}

/** A whole number of the last place of `decimals` as text: 12345 of 2 is `123.45`. @param units not negative */
export function toDecimal(units: bigint, decimals: number): string {
  if (decimals === 0) return String(units);
  const digits = String(units).padStart(decimals + 1, "0");
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** The nearest whole number to a fraction; halves are rounded up. @param numerator not negative @param denominator positive */
export function divideRounded(numerator: bigint, denominator: bigint): bigint {
  return (2n * numerator + denominator) / (2n * denominator);
}
