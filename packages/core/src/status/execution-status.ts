/** Every status of an execution; the terminal ones never change (invariant I5). */
export const EXECUTION_STATUSES = ["QUEUED", "RUNNING", "WAITING", "SUCCESS", "FAILED", "BLOCKED", "CANCELED"] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];

/** What a WAITING execution waits for. It holds no slot and no lease meanwhile. */
export const WAITING_REASONS = ["QUOTA", "DELAY", "REVIEW", "BACKOFF", "CHILD"] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

const TRANSITIONS = {
  QUEUED: ["RUNNING", "WAITING", "BLOCKED", "CANCELED"],
  RUNNING: ["WAITING", "SUCCESS", "FAILED", "CANCELED"],
  WAITING: ["RUNNING", "BLOCKED", "CANCELED"],
  SUCCESS: [],
  FAILED: [],
  BLOCKED: [],
  CANCELED: [],
} as const satisfies Record<ExecutionStatus, readonly ExecutionStatus[]>;

/** Whether the status machine has the arrow `from` → `to`. */
export function canTransition(from: ExecutionStatus, to: ExecutionStatus): boolean {
  return (TRANSITIONS[from] as readonly ExecutionStatus[]).includes(to);
}

/** Whether `status` is final: no arrow leaves it. */
export function isTerminal(status: ExecutionStatus): boolean {
  return TRANSITIONS[status].length === 0;
}

/** Status of one journal row. RUNNING is an intent written before a side effect that cannot be repeated safely, or a loop whose items are in work. */
export const NODE_STATUSES = ["RUNNING", "WAITING", "SUCCESS", "FAILED", "SKIPPED"] as const;
export type NodeStatus = (typeof NODE_STATUSES)[number];
