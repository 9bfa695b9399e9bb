import { Prisma } from "../generated/client.ts";

/**
 * The columns of the unique constraint that a write broke, as PostgreSQL names them; undefined for any other error.
 * The answer says nothing about the other row: within a tenant's or an agency's own rows that tells the caller nothing new.
 */
export function brokenUniqueColumns(error: unknown): readonly string[] | undefined {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== "P2002") return undefined;
  return [...new Set(JSON.stringify(error.meta ?? {}).match(/\b(?:name|external_id|content_hash|node_id|number)\b/g))];
}
