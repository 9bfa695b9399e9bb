import type { outageSchema } from "@fluxo/contracts/http/outages";
import { ERROR_CLASSES } from "@fluxo/core/errors/node-error";
import type { OutageRecord } from "@fluxo/prisma/repositories/outages";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** An outage as it is answered. */
export function toOutageAnswer({ errorClass, errorCode, affected, openedAt, closedAt, nextProbeAt, ...outage }: OutageRecord): z.input<typeof outageSchema> {
  return {
    ...outage,
    status: closedAt === null ? "open" : "closed",
    kind: outage.host === null ? "credential" : "host",
    openedAt: toInstant(openedAt),
    closedAt: toInstant(closedAt),
    nextProbeAt: closedAt === null ? toInstant(nextProbeAt) : null,
    lastErrorClass: ERROR_CLASSES.find((known) => known === errorClass) ?? "INTERNAL",
    lastErrorCode: errorCode,
    affectedExecutions: affected,
  };
}
