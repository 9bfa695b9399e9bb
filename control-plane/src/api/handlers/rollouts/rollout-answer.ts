import type { rolloutItemSchema, rolloutSchema } from "@fluxo/contracts/http/rollouts";
import { canaryPolicySchema } from "@fluxo/core/workflow-templates/canary";
import { CONFLICT_POLICIES } from "@fluxo/core/workflow-templates/merge";
import type { RolloutItemRecord, RolloutRecord } from "@fluxo/prisma/repositories/template-rollouts";
import { z } from "zod";
import { toInstant } from "../instants.ts";

const onConflictSchema = z.enum(CONFLICT_POLICIES);

/** A rollout as it is answered. */
export function toRolloutAnswer({ stopCode, stopMessage, ...rollout }: RolloutRecord): z.input<typeof rolloutSchema> {
  return {
    ...rollout,
    onConflict: onConflictSchema.parse(rollout.onConflict),
    canaryPolicy: rollout.canaryPolicy === null ? null : canaryPolicySchema.parse(rollout.canaryPolicy),
    stop: stopCode === null || stopMessage === null ? null : { code: stopCode, message: stopMessage },
    createdAt: toInstant(rollout.createdAt),
    canaryDoneAt: toInstant(rollout.canaryDoneAt),
    completedAt: toInstant(rollout.completedAt),
  };
}

/** One tenant of a rollout as it is answered. */
export function toRolloutItemAnswer({ tenantId, isCanary, status, code, message, workflowId, doneAt }: RolloutItemRecord): z.input<typeof rolloutItemSchema> {
  return { tenantId, isCanary, status, code, message, workflowId, doneAt: toInstant(doneAt) };
}
