/** Node's, PostgreSQL's (SQLSTATE) and Prisma's codes for a store that cannot be reached or has no room for another connection. */
const CODES: ReadonlySet<string> = new Set(
  [
    "ECONNREFUSED ECONNRESET ETIMEDOUT ENOTFOUND EAI_AGAIN EPIPE EHOSTUNREACH",
    "08000 08001 08003 08004 08006 53300 57P01 57P02 57P03",
    "P1001 P1002 P1008 P1017 P2024 P2028",
  ].flatMap((codes) => codes.split(" ")),
);
const MESSAGES = /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error/;
const DEPTH_MAX = 5;

/** Whether an error of a driver or of Prisma means that PostgreSQL does not answer right now, so that the same call may succeed later. */
export function isStoreUnavailable(error: unknown, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > DEPTH_MAX) return false;
  const { code, originalCode, message, cause, meta, driverAdapterError } = error as Readonly<Record<string, unknown>>;
  if ([code, originalCode].some((known) => typeof known === "string" && CODES.has(known))) return true;
  if (typeof message === "string" && MESSAGES.test(message)) return true;
  return [cause, meta, driverAdapterError].some((inner) => isStoreUnavailable(inner, depth + 1));
}
