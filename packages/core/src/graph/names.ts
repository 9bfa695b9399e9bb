/** Keys that reach JavaScript's object machinery; refused wherever a tenant names something. */
export const DANGEROUS_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** Names that no node and no alias may have: the roots of the template context, the literals of the template language, dangerous keys. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set(["trigger", "nodes", "execution", "item", "loop", "true", "false", "null", ...DANGEROUS_KEYS]);
