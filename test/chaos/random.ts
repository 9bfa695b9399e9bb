/** Repeatable choices: everything that a chaos run leaves to chance comes from its seed. */
export interface SeededRandom {
  /** In [0, 1). */
  next(): number;
  /** A whole number, both bounds included. */
  between(min: number, max: number): number;
  /** A stream of its own, so that the choices of one part do not depend on how often another one chose. */
  fork(label: string): SeededRandom;
}

/** A generator of 32 bits (mulberry32): small, and good enough to choose instants and victims. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    fork: (label) => seededRandom([...label].reduce((hash, letter) => Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16_777_619), seed ^ 0x811c9dc5)),
  };
}
