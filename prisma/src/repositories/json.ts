import type { Json } from "@fluxo/core/json";
import type { Prisma } from "../generated/client.ts";

/** A jsonb column as a JSON value. Prisma's type allows `undefined` members, which a value that came out of PostgreSQL never has. */
export function fromJsonb(value: Prisma.JsonValue): Json {
  return value as Json;
}

/** A JSON value as Prisma writes it. The caller keeps NUL characters and lone surrogates out, which jsonb refuses. */
export function toJsonColumn(value: unknown): Prisma.InputJsonValue {
  return value as Prisma.InputJsonValue;
}
