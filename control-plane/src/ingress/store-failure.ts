/**
 * What a failed statement means.
 * `data`: the rows themselves cannot be stored; nothing was written. `conflict`: it may succeed when repeated; nothing was written.
 * `unavailable`: PostgreSQL does not answer or takes no work; whether the statement took effect is unknown. `defect`: ours.
 */
export type StoreFailure = "data" | "conflict" | "unavailable" | "defect";

/** SQLSTATE classes (PostgreSQL manual, appendix A). */
const CLASSES: Readonly<Record<string, StoreFailure>> = {
  "08": "unavailable", // connection exception
  "22": "data", // data exception
  "23": "data", // integrity constraint violation
  "25": "unavailable", // read-only after a failover
  "40": "conflict", // serialization failure, deadlock
  "53": "unavailable", // insufficient resources
  "54": "data", // program limit exceeded
  "55": "unavailable", // object not in prerequisite state
  "57": "unavailable", // operator intervention, statement timeout, shutdown
  "58": "unavailable", // system error
};

/** Judges an error that the driver threw. */
export function storeFailureOf(error: unknown): StoreFailure {
  if (error instanceof RangeError) return "data"; // a text longer than a JavaScript string
  if (!(error instanceof Error) || error instanceof TypeError) return "defect";
  const state = sqlStateOf(error);
  return state === undefined ? "unavailable" : (CLASSES[state.slice(0, 2)] ?? "defect");
}

/** The five characters that PostgreSQL sent; undefined for errors of the connection itself, whose codes are names such as ECONNREFUSED. */
export function sqlStateOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code) ? code : undefined;
}
