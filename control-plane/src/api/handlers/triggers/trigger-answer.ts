import type { triggerSchema } from "@fluxo/contracts/http/triggers";
import type { TriggerRecord } from "@fluxo/prisma/repositories/triggers";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** The address of a webhook; null for other kinds. */
export function hookUrlOf({ hookToken }: Pick<TriggerRecord, "hookToken">, publicIngressUrl: string): string | null {
  return hookToken === null ? null : `${publicIngressUrl}/hooks/${hookToken}`;
}

/** A trigger as it is answered, without its secret. */
export function toTriggerAnswer(trigger: TriggerRecord, publicIngressUrl: string): z.input<typeof triggerSchema> {
  return {
    id: trigger.id,
    tenantId: trigger.tenantId,
    workflowId: trigger.workflowId,
    nodeId: trigger.nodeId,
    kind: trigger.kind,
    isEnabled: trigger.isEnabled,
    hookUrl: hookUrlOf(trigger, publicIngressUrl),
    hasSecret: trigger.hasSecret,
    config: trigger.config,
    createdAt: toInstant(trigger.createdAt),
    updatedAt: toInstant(trigger.updatedAt),
  };
}
