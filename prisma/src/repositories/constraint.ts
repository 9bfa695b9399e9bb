import { driverDetail } from "../database/errors.ts";
import { Prisma } from "../generated/client.ts";

/**
 * The name of the unique index that a write broke, for example `tenants_agency_id_name_key`; undefined for any other error, empty when the driver
 * does not tell. It says nothing about the other row: within a tenant's or an agency's own rows that tells the caller nothing new.
 */
export function brokenUniqueIndex(error: unknown): string | undefined {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError) || error.code !== "P2002") return undefined;
  const index = driverDetail(error, "constraint", "index");
  return typeof index === "string" ? index : "";
}
