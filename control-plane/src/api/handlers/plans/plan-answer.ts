import type { planSchema } from "@fluxo/contracts/http/plans";
import type { PlanRecord } from "@fluxo/prisma/repositories/plans";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A plan as it is answered. */
export function toPlanAnswer({ revision: _, ...plan }: PlanRecord): z.input<typeof planSchema> {
  return {
    ...plan,
    nodeTypesAllowed: [...plan.nodeTypesAllowed],
    nodeTypesDenied: [...plan.nodeTypesDenied],
    alertPercents: [...plan.alertPercents],
    retiredAt: toInstant(plan.retiredAt),
    createdAt: toInstant(plan.createdAt),
    updatedAt: toInstant(plan.updatedAt),
  };
}
