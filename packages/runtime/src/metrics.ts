import { collectDefaultMetrics, Counter, Gauge, Histogram, type OpenMetricsContentType, Registry, type RegistryContentType } from "prom-client";

interface CounterDefinition {
  readonly kind: "counter";
  readonly name: `fluxo_${string}_total`;
  readonly help: string;
  readonly labels: readonly string[];
}
interface GaugeDefinition {
  readonly kind: "gauge";
  readonly name: `fluxo_${string}`;
  readonly help: string;
  readonly labels: readonly string[];
}
interface HistogramDefinition {
  readonly kind: "histogram";
  readonly name: `fluxo_${string}`;
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
}
export type MetricDefinition = CounterDefinition | GaugeDefinition | HistogramDefinition;

/** Seconds, for what answers a caller or a statement: 1 ms to 10 s. */
const FAST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** Seconds, for node attempts, which call providers: 5 ms to 5 min. */
const SLOW_SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300] as const;
/** Numbers of items in a batch. */
const BATCH_ITEMS = [1, 2, 5, 10, 25, 50, 100, 250, 500] as const;

/**
 * Every in-process metric. They cover facts of this process only; business totals are exported from rollups, so that they equal SQL (invariant I11).
 * Labels have few values by nature: routes are patterns, types come from the catalog, codes and classes from core. Never an id, a tenant or a message.
 */
export const METRICS = {
  httpRequests: { kind: "counter", name: "fluxo_http_requests_total", help: "HTTP requests answered, by method, route pattern and status code.", labels: ["method", "route", "status"] },
  httpRequestDuration: { kind: "histogram", name: "fluxo_http_request_duration_seconds", help: "Time from the head of a request to the end of its answer.", labels: ["method", "route"], buckets: FAST_SECONDS },
  authenticationsRefused: { kind: "counter", name: "fluxo_authentications_refused_total", help: "Requests to the admin API refused because of who they come from, by reason: wrong (an unknown or wrong key or session) or limited (too many of those from one address or for one key).", labels: ["reason"] },
  ingressAccepted: { kind: "counter", name: "fluxo_ingress_accepted_total", help: "Hook requests recorded as a new occurrence.", labels: [] },
  ingressDuplicates: { kind: "counter", name: "fluxo_ingress_duplicates_total", help: "Hook requests answered with the execution that their key already had.", labels: [] },
  ingressFiltered: { kind: "counter", name: "fluxo_ingress_filtered_total", help: "Hook requests that their trigger's filter lets nothing start from.", labels: [] },
  hookLimitsUncounted: { kind: "counter", name: "fluxo_hook_limits_uncounted_total", help: "Hook requests taken without being counted against their rate limit, because Redis did not answer.", labels: [] },
  ingressLimitsUncounted: { kind: "counter", name: "fluxo_ingress_limits_uncounted_total", help: "Hook requests taken without being counted against the rate limit of their tenant, because Redis did not answer.", labels: [] },
  apiLimitsUncounted: { kind: "counter", name: "fluxo_api_limits_uncounted_total", help: "API requests counted against their rate limits by one process alone, because Redis did not answer.", labels: [] },
  ingressRefused: { kind: "counter", name: "fluxo_ingress_refused_total", help: "Hook requests refused, by error code.", labels: ["code"] },
  intakeBatchSize: { kind: "histogram", name: "fluxo_intake_batch_size", help: "Occurrences written by one intake transaction.", labels: [], buckets: BATCH_ITEMS },
  hookWaiters: { kind: "gauge", name: "fluxo_hook_waiters", help: "Callers of synchronous webhooks that wait for their execution now.", labels: [] },
  hookAnswers: { kind: "counter", name: "fluxo_hook_answers_total", help: "Ends of the wait of synchronous webhooks, by outcome: answered, timeout, gone (the caller left) or refused (too many waited).", labels: ["outcome"] },
  fastLaneHandedOver: { kind: "counter", name: "fluxo_fast_lane_handed_over_total", help: "Executions handed to the workers at once.", labels: [] },
  fastLaneRefused: { kind: "counter", name: "fluxo_fast_lane_refused_total", help: "Executions left to the outbox alone, by reason: backlog or unavailable (Redis does not answer).", labels: ["reason"] },
  fastLaneTaken: { kind: "counter", name: "fluxo_fast_lane_taken_total", help: "Entries of the fast lane that this worker tried to claim.", labels: [] },
  fastLaneDropped: { kind: "counter", name: "fluxo_fast_lane_dropped_total", help: "Entries of the fast lane that this worker left to the outbox, by reason: old, backlog, unreadable or failed.", labels: ["reason"] },
  relaySent: { kind: "counter", name: "fluxo_relay_sent_total", help: "Outbox rows handed to Inngest, sends of the same row counted each time.", labels: [] },
  relayFailed: { kind: "counter", name: "fluxo_relay_failed_total", help: "Outbox rows that a send to Inngest failed for; they stay due.", labels: [] },
  executionsParked: { kind: "gauge", name: "fluxo_executions_parked", help: "Executions over their quota that wait until there is room, of the whole installation as this relay last saw it.", labels: [] },
  quotaAlerts: { kind: "gauge", name: "fluxo_quota_alerts", help: "Thresholds of quotas that were crossed in the last 31 days, of the whole installation as this relay last saw it, by quota and threshold in percent.", labels: ["metric", "percent"] },
  operationTurns: { kind: "counter", name: "fluxo_operation_turns_total", help: "Turns of operations in the background, by kind (bulk, backfill, rollout, off_boarding) and outcome: done, failed (repeated later) or lost (another process has the operation, or it was paused or ended).", labels: ["kind", "outcome"] },
  operationsParked: { kind: "gauge", name: "fluxo_operations_parked", help: "Operations in the background that failed so often in a row that they are tried once an hour, of the whole installation as this relay last saw it, by kind.", labels: ["kind"] },
  outboxAge: { kind: "gauge", name: "fluxo_outbox_age_seconds", help: "Age of the oldest outbox row that is due and not sent, as this relay last saw it; 0 when none is.", labels: [] },
  usageEventsRolled: { kind: "counter", name: "fluxo_usage_events_rolled_total", help: "Usage events that this process added to the sums by hour and by day.", labels: [] },
  usageLag: { kind: "gauge", name: "fluxo_usage_lag_seconds", help: "Age of the oldest usage event that is not in the sums yet, as this process last saw it; 0 when all are.", labels: [] },
  usageDifferences: { kind: "gauge", name: "fluxo_usage_differences", help: "Sums of usage that do not fit executions, journal and files, as this process last checked the latest hours; anything but 0 is a defect.", labels: [] },
  triggersSilent: { kind: "gauge", name: "fluxo_triggers_silent", help: "Triggers from which nothing comes although something should, of the whole installation as this dispatcher last saw it, by kind.", labels: ["kind"] },
  triggersFailing: { kind: "gauge", name: "fluxo_triggers_failing", help: "Triggers whose last poll failed, of the whole installation as this dispatcher last saw it, by kind.", labels: ["kind"] },
  sourcesHeld: { kind: "gauge", name: "fluxo_sources_held", help: "Connections to sources that this dispatcher holds now, by kind.", labels: ["kind"] },
  credentialsFailing: { kind: "gauge", name: "fluxo_trigger_credentials_failing", help: "Credentials that failing triggers use and that their providers refuse, each counted once however many triggers use it, as this dispatcher last saw it.", labels: [] },
  executionsStarted: { kind: "counter", name: "fluxo_executions_started_total", help: "Executions that this worker admitted and leased; a continued one counts again.", labels: [] },
  executionsSettled: { kind: "counter", name: "fluxo_executions_settled_total", help: "Executions that this worker brought to a terminal status, by status.", labels: ["status"] },
  nodeAttempts: { kind: "counter", name: "fluxo_node_attempts_total", help: "Attempts of nodes, by node type and error class (none for a success).", labels: ["node_type", "error_class"] },
  nodeAttemptDuration: { kind: "histogram", name: "fluxo_node_attempt_duration_seconds", help: "Duration of attempts of nodes, by node type.", labels: ["node_type"], buckets: SLOW_SECONDS },
  nodeChangesPublished: { kind: "counter", name: "fluxo_node_changes_published_total", help: "Status changes put on the channels of executions.", labels: [] },
  nodeChangesDropped: { kind: "counter", name: "fluxo_node_changes_dropped_total", help: "Status changes that were not put on a channel, by reason: full (too many wait), unavailable (Redis is away) or failed.", labels: ["reason"] },
  liveStreams: { kind: "gauge", name: "fluxo_live_streams", help: "Streams of status changes that are open now.", labels: [] },
  liveStreamsRefused: { kind: "counter", name: "fluxo_live_streams_refused_total", help: "Streams refused because too many are open, by whose: tenant or process.", labels: ["reason"] },
  leasesLost: { kind: "counter", name: "fluxo_leases_lost_total", help: "Executions given up because another worker holds a higher epoch.", labels: [] },
  groupCommitBatchSize: { kind: "histogram", name: "fluxo_group_commit_batch_size", help: "Items written by one flush, by group.", labels: ["group"], buckets: BATCH_ITEMS },
  groupCommitDuration: { kind: "histogram", name: "fluxo_group_commit_duration_seconds", help: "Duration of flushes, by group.", labels: ["group"], buckets: FAST_SECONDS },
} as const satisfies Record<string, MetricDefinition>;

type Catalog = typeof METRICS;

type MetricOf<D extends MetricDefinition> = D extends { readonly kind: "counter" }
  ? Counter<D["labels"][number]>
  : D extends { readonly kind: "gauge" }
    ? Gauge<D["labels"][number]>
    : Histogram<D["labels"][number]>;

/** One prom-client metric per entry of the catalog, with its labels as types. */
export type Metrics = { readonly [K in keyof Catalog]: MetricOf<Catalog[K]> };

/** `value` of the `error_class` label of a successful attempt. */
export const NO_ERROR_CLASS = "none";

type MetricsRegistry = Registry | Registry<OpenMetricsContentType>;

/**
 * A registry with a fixed format. The format is not negotiated per request: prom-client strips `_total` from the names of counters for good
 * when it renders OpenMetrics, so a registry that switched would lose its names in the other format.
 */
export function createRegistry(format: "prometheus" | "openmetrics" = "prometheus"): MetricsRegistry {
  if (format === "prometheus") return new Registry();
  const registry = new Registry<OpenMetricsContentType>();
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  return registry;
}

/** Registers every metric of the catalog on `registry`. A metric without labels is exported as 0 from the start. */
export function createMetrics(registry: MetricsRegistry): Metrics {
  const created: { [key: string]: Counter | Gauge | Histogram } = {};
  for (const [key, definition] of Object.entries(METRICS)) created[key] = createMetric(definition, registry);
  if (hasEveryMetric(created)) return created;
  throw new Error("The catalog and the created metrics differ.");
}

function hasEveryMetric(created: object): created is Metrics {
  return Object.entries(METRICS).every(([key, definition]) => {
    const metric: unknown = Object.getOwnPropertyDescriptor(created, key)?.value;
    const kinds = { counter: Counter, gauge: Gauge, histogram: Histogram };
    return metric instanceof kinds[definition.kind];
  });
}

function createMetric(definition: MetricDefinition, registry: MetricsRegistry): Counter | Gauge | Histogram {
  const common = { name: definition.name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
  switch (definition.kind) {
    case "counter":
      return new Counter(common);
    case "gauge":
      return new Gauge(common);
    case "histogram":
      return new Histogram({ ...common, buckets: [...definition.buckets] });
    default:
      return definition satisfies never;
  }
}

/** Adds Node's own metrics (memory, CPU, event-loop lag, garbage collection) as `fluxo_nodejs_…` and `fluxo_process_…`. */
export function collectProcessMetrics<T extends RegistryContentType>(registry: Registry<T>): void {
  collectDefaultMetrics({ register: registry, prefix: "fluxo_" });
}
