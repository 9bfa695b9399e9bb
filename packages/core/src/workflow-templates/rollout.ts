/** ABORTED and DONE are final. STOPPED: the rollout itself found a reason not to go on; it may be approved all the same. */
export const ROLLOUT_STATUSES = ["RUNNING", "PAUSED", "AWAITING_APPROVAL", "STOPPED", "ABORTED", "DONE"] as const;
export type RolloutStatus = (typeof ROLLOUT_STATUSES)[number];

/** CANARY: the canary tenants get the version; OBSERVE: they are watched; REST: all others get it. */
export const ROLLOUT_PHASES = ["CANARY", "OBSERVE", "REST"] as const;
export type RolloutPhase = (typeof ROLLOUT_PHASES)[number];

/** BLOCKED: the tenant's plan, credentials or other workflows do not allow it. CONFLICT: the tenant's own changes contradict it. */
export const ROLLOUT_ITEM_STATUSES = ["PENDING", "DONE", "BLOCKED", "CONFLICT", "FAILED", "SKIPPED"] as const;
export type RolloutItemStatus = (typeof ROLLOUT_ITEM_STATUSES)[number];

/**
 * Which of the tenants go first: the named ones, or so many per hundred of all, at least one.
 * @param tenantIds in a stable order
 */
export function chooseCanaries(tenantIds: readonly string[], canary: { readonly tenantIds?: readonly string[] | undefined; readonly percent?: number | undefined }): ReadonlySet<string> {
  if (canary.tenantIds !== undefined) return new Set(canary.tenantIds.filter((id) => tenantIds.includes(id)));
  return new Set(tenantIds.slice(0, Math.ceil((tenantIds.length * (canary.percent ?? 0)) / 100)));
}
