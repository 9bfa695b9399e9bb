/** A hook that load is sent to. */
export interface LoadHook {
  readonly url: string;
  /** Standard Webhooks secret (`whsec_…`); empty for a hook without authentication. */
  readonly secret: string;
  /** Header of the delivery's id; a signed hook has `webhook-id`. */
  readonly deliveryIdHeader: string;
}

/** What the runner tells a scenario. */
export interface LoadPlan {
  /** Begins every delivery id of this scenario, so that no two scenarios and no two runs share one. */
  readonly prefix: string;
  /** At least one; each of another tenant where there are several. */
  readonly hooks: readonly LoadHook[];
  /** Requests per second that the ingress was measured to acknowledge. */
  readonly capacity: number;
  /** Requests per second of a usual moment: the share of what the whole system was measured to complete. */
  readonly baseline: number;
  readonly durationSeconds: number;
  /** Where the end-of-test summary is written. */
  readonly summaryFile: string;
}
