import { dryRerunSchema } from "@fluxo/contracts/http/reruns";
import type { DryRerunRecord } from "@fluxo/prisma/repositories/dry-reruns";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A dry rerun as it is answered. */
export function toDryRerunAnswer({ errorCode, errorMessage, result, ...dryRerun }: DryRerunRecord): z.input<typeof dryRerunSchema> {
  return {
    ...dryRerun,
    createdAt: toInstant(dryRerun.createdAt),
    completedAt: toInstant(dryRerun.completedAt),
    error: errorCode === null ? null : { code: errorCode, message: errorMessage ?? "" },
    result: dryRerunSchema.shape.result.parse(result),
  };
}
