/** The element at an index that exists by construction. @throws RangeError when it does not: a defect of the caller. */
export function at<T>(list: ArrayLike<T>, index: number): T {
  const element = list[index];
  if (element === undefined) {
    throw new RangeError(`There is no element ${index} in a list of ${list.length}.`);
  }
  return element;
}

/** Orders text by UTF-16 code units, the same on every machine and in every locale. */
export function compareText(left: string, right: string): number {
  if (left === right) {
    return 0;
  }
  return left < right ? -1 : 1;
}
