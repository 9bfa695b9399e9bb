/** Wildcards of one pattern, and of one part of it between slashes: matching takes time that grows with each of them. */
const WILDCARDS_MAX = { pattern: 4, part: 2 } as const;

/** Why a glob pattern is not taken; undefined when it is. What is left can be matched in a time that is bounded for every path. */
export function patternProblem(pattern: string): string | undefined {
  if (/\p{Cc}/u.test(pattern) || pattern.startsWith("/")) return "must be relative and hold no control characters";
  if (/[()|!\\]/.test(pattern)) return "must hold no parentheses, bars, exclamation marks and backslashes";
  const braces = pattern.match(/\{[^{}]*\}/g) ?? [];
  if (pattern.replaceAll(/\{[^{}]*\}/g, "").match(/[{}]/) !== null || braces.length > 2 || braces.some((brace) => /[*?/[]|\.\./.test(brace))) {
    return "may hold two lists such as {csv,txt}, without wildcards and not one in another";
  }
  const counts = pattern.split("/").map((part) => part.match(/\*+/g)?.length ?? 0);
  if (counts.some((count) => count > WILDCARDS_MAX.part) || counts.reduce((sum, count) => sum + count, 0) > WILDCARDS_MAX.pattern) {
    return `may hold ${WILDCARDS_MAX.pattern} wildcards, ${WILDCARDS_MAX.part} of them between two slashes`;
  }
  return undefined;
}
