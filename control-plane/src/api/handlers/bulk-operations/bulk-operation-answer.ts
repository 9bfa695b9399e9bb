import type { bulkOperationSchema } from "@fluxo/contracts/http/bulk-operations";
import type { BulkOperationRecord } from "@fluxo/prisma/repositories/bulk-operations";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A bulk operation as it is answered. */
export function toBulkOperationAnswer({ filter, options, ...operation }: BulkOperationRecord): z.input<typeof bulkOperationSchema> {
  const isByIds = typeof filter === "object" && filter !== null && "ids" in filter;
  return {
    ...operation,
    filter: isByIds ? null : renamed(asObject(filter)),
    options: operation.kind === "cancel" ? null : asObject(options),
    createdAt: toInstant(operation.createdAt),
    completedAt: toInstant(operation.completedAt),
  };
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** The filter as it was asked for: the store speaks of statuses. */
function renamed({ statuses, ...filter }: Record<string, unknown>): Record<string, unknown> {
  return statuses === undefined ? filter : { status: statuses, ...filter };
}
