import { z } from "zod";

const COUNT_MAX = 2_000_000_000;

function count(description: string, standard: number, min = 0, max = COUNT_MAX) {
  return z.int().min(min).max(max).default(standard).meta({ description, example: standard });
}

function typesOf(description: string) {
  return z
    .array(z.string().regex(/^[a-z][a-z0-9.-]{0,63}$/, "must be the name of a node type"))
    .max(200)
    .transform((types) => [...new Set(types)].toSorted())
    .default([])
    .meta({ description, example: ["ai.prompt"] });
}

/** What a plan does with executions over its quota. */
export const OVER_QUOTA_POLICIES = ["REJECT", "PARK"] as const;
export type OverQuotaPolicy = (typeof OVER_QUOTA_POLICIES)[number];

/** Concurrency of one tenant above which no class of functions goes. */
export const CONCURRENCY_MAX = 256;
/** Inputs up to this size are allowed by every plan. Bytes. */
export const PAYLOAD_BYTES_MIN = 32_768;
/** Inputs beyond this size no plan allows: nothing takes a larger body. Bytes. */
export const PAYLOAD_BYTES_MAX = 16_777_216;

/** Every entitlement of a plan, with what a plan grants that says nothing. Each is enforced where it is used: see docs/plans.md. */
export const entitlementsShape = {
  tierRank: z.int().min(0).max(3).default(0).meta({ description: "0 FREE, 1 STARTER, 2 PRO, 3 AGENCY: node types of a higher tier are refused.", example: 2 }),
  nodeTypesAllowed: typesOf("Node types that are included although their tier is higher."),
  nodeTypesDenied: typesOf("Node types that are not included, whatever their tier. Stronger than `nodeTypesAllowed`."),
  executionsPerMonth: count("Executions of one calendar month in the tenant's zone.", 10_000),
  nodesPerWorkflowMax: count("Most nodes of one workflow.", 50, 1, 10_000),
  activeWorkflowsMax: count("Most workflows that are active at one time.", 25, 0, 100_000),
  concurrencyMax: count("Most executions that run at once.", 10, 1, CONCURRENCY_MAX),
  weight: count("Share of what tenants compete for, relative to others.", 1, 1, 100),
  pollIntervalSecondsMin: count("Shortest time between two looks at a feed, a mailbox or a folder.", 60, 10, 86_400),
  payloadBytesMax: count("Largest input of an execution, as JSON.", 1_048_576, PAYLOAD_BYTES_MIN, PAYLOAD_BYTES_MAX),
  executionRetentionDays: count("For how many days ended executions are kept.", 30, 1, 3_650),
  fileRetentionDays: count("For how many days the files of executions are kept.", 30, 1, 3_650),
  versionsKeptMax: count("How many versions of a workflow are kept.", 50, 1, 10_000),
  aiTokensPerMonth: count("Tokens that AI nodes may use in one calendar month in the tenant's zone.", 200_000),
  seatsMax: count("Most people who are members of the tenant.", 5, 0, 100_000),
  apiRequestsPerMinute: count("Requests per minute to the admin API.", 600, 1, 1_000_000),
  ingressRequestsPerMinute: count("Requests per minute to the webhooks.", 600, 1, 10_000_000),
  overQuota: z.enum(OVER_QUOTA_POLICIES).default("REJECT").meta({ description: "What happens to executions over the quota: they are refused, or parked until there is room.", example: "PARK" }),
  parkHoursMax: count("For how many hours an execution may be parked.", 24, 1, 2_160),
  drainPerMinute: count("How many parked executions a minute are called out when there is room again.", 120, 1, 60_000),
  alertPercents: z
    .array(z.int().min(1).max(100))
    .max(10)
    .transform((percents) => [...new Set(percents)].toSorted((left, right) => left - right))
    .default([80, 100])
    .meta({ description: "Percentages of a quota; crossing one leaves one alert per month.", example: [80, 100] }),
} as const;

export const entitlementsSchema = z.strictObject(entitlementsShape);
export type Entitlements = z.output<typeof entitlementsSchema>;

/** Without defaults: what is absent is not changed. */
type ChangeShape = { readonly [K in keyof typeof entitlementsShape]: z.ZodOptional<z.ZodType<Entitlements[K]>> };

/** The entitlements as a change names them: absent ones stay as they are. */
export const entitlementChangesShape = Object.fromEntries(Object.entries(entitlementsShape).map(([name, schema]) => [name, schema.unwrap().optional().meta(schema.meta() ?? {})])) as unknown as ChangeShape;

/** What of a workflow a plan looks at. */
export interface PlannedWorkflow {
  readonly nodeCount: number;
  /** Each type once. */
  readonly nodeTypes: readonly string[];
}

/** What a plan does not allow of a workflow. */
export interface PlanRefusals {
  readonly hasTooManyNodes: boolean;
  /** Ascending; empty when all are included. */
  readonly deniedTypes: readonly string[];
}

/** Whether a plan includes a node type. A type that nobody knows has no tier: its plan is not what refuses it. */
export function includesType(plan: Pick<Entitlements, "tierRank" | "nodeTypesAllowed" | "nodeTypesDenied">, type: string, tiers: Readonly<Record<string, number>>): boolean {
  if (plan.nodeTypesDenied.includes(type)) return false;
  const tier = Object.hasOwn(tiers, type) ? (tiers[type] ?? 0) : 0;
  return tier <= plan.tierRank || plan.nodeTypesAllowed.includes(type);
}

/**
 * What admission refuses of a workflow because of its plan: the rule of `fluxo_plan_refusals`, for who warns before.
 * @param tiers node type → rank of its tier
 */
export function planRefusals(workflow: PlannedWorkflow, plan: Pick<Entitlements, "tierRank" | "nodeTypesAllowed" | "nodeTypesDenied" | "nodesPerWorkflowMax">, tiers: Readonly<Record<string, number>>): PlanRefusals {
  return {
    hasTooManyNodes: workflow.nodeCount > plan.nodesPerWorkflowMax,
    deniedTypes: [...new Set(workflow.nodeTypes)].filter((type) => !includesType(plan, type, tiers)).toSorted(),
  };
}

/** The share of a quota that parked executions wait for, and how fast they leave. */
export interface ParkingLot {
  readonly parked: number;
  /** What is left of the quota in this window. */
  readonly room: number;
  readonly quota: number;
  readonly drainPerMinute: number;
  readonly windowEnd: Date;
}

/**
 * When the last of the parked executions is called out at the latest, if nothing else starts meanwhile and none expires: what there is room for now leaves at the plan's pace, the rest at
 * the beginning of the next window.
 * @returns null when there are none, or more than the rest of this window and the next one have room for
 */
export function expectedDrain({ parked, room, quota, drainPerMinute, windowEnd }: ParkingLot, now: Date): Date | null {
  if (parked <= 0) return null;
  const atOnce = Math.min(parked, Math.max(0, room));
  const later = parked - atOnce;
  if (later > quota) return null;
  const after = (from: Date, executions: number): Date => new Date(from.getTime() + Math.ceil((executions / drainPerMinute) * 60_000));
  return later === 0 ? after(now, atOnce) : after(windowEnd, later);
}
