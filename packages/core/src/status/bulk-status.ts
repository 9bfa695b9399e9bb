/** Every status of a bulk operation. ABORTED and DONE are final. */
export const BULK_STATUSES = ["RUNNING", "PAUSED", "ABORTED", "DONE"] as const;
export type BulkStatus = (typeof BULK_STATUSES)[number];
