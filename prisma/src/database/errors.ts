import pg from "pg";
import { Prisma } from "../generated/client.ts";

/** SQLSTATE classes after which the same statement may succeed: connection, serialization and deadlock, resources, shutdown. */
const TRANSIENT = /^(?:08|40|53|57P0)/;

/**
 * Whether a statement may be tried again as it is. A lost connection leaves its outcome open, so only repeatable statements may ask.
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return TRANSIENT.test(error.code ?? "");
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /^(?:ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENOTFOUND|EAI_AGAIN)/.test(code) || /connection terminated|timeout exceeded|client has encountered a connection error|not queryable/i.test(error.message);
}

/** What the driver told of an error of the Prisma client, by the names that lead to it; undefined for any other error. */
export function driverDetail(error: unknown, ...path: readonly string[]): unknown {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return undefined;
  return ["driverAdapterError", "cause", ...path].reduce<unknown>((value, name) => (typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined), error.meta);
}
