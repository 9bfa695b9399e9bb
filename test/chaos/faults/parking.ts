import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { OperationId } from "@fluxo/contracts/http/routes";
import { createApi, type RequestParts } from "../../support/api.ts";
import type { Client, OwnPlanCode } from "../../support/client.ts";
import { eventually } from "../../support/eventually.ts";
import { assertParked, installParkingAudit, noteQuotas, passMonth } from "../parking-audit.ts";
import { WORKERS, type Instance } from "../system.ts";
import { createTarget, type Target } from "../workload.ts";
import { WriteStops, type Ending, type StopPoint } from "../write-stops.ts";
import { killRelay } from "./control-plane.ts";
import type { Fault, FaultContext } from "./fault.ts";

/** How parked executions get room; a tenant with a plan of its own each. */
const WAYS = ["UPGRADE", "MONTH", "RELEASE"] as const;
type Way = (typeof WAYS)[number];

/** Small, so that most of what comes is parked, and grown in steps, so that each of them is reached. */
const QUOTA = { first: 4, step: 4, last: 100_000 } as const;
const PLAN = { tierRank: 2, executionsPerMonth: QUOTA.first, concurrencyMax: 12, overQuota: "PARK", drainPerMinute: 600 } as const;
/** Parked executions of every tenant before there is room again. */
const PARKED_FIRST = 6;
const PARKED_WITHIN_MS = 60_000;
const STARTED_WITHIN_MS = 40_000;
const ANSWERED_WITHIN_MS = 60_000;

/** Where writers are killed. */
const POINTS = [
  { name: "park", table: "executions", when: "NEW.reason = 'QUOTA' AND OLD.reason IS DISTINCT FROM 'QUOTA'" },
  { name: "call", table: "executions", when: "NEW.reason = 'QUOTA' AND OLD.resume_at IS NULL AND NEW.resume_at IS NOT NULL" },
  { name: "start", table: "executions", when: "OLD.reason = 'QUOTA' AND NEW.status = 'RUNNING'" },
  { name: "upgrade", table: "plans", when: "NEW.executions_per_month > OLD.executions_per_month" },
] as const satisfies readonly StopPoint[];
type Point = (typeof POINTS)[number]["name"];

/** Who has the connections of a name. Which of the workers stands at a point cannot be seen, so both go. */
const VICTIMS: Readonly<Record<string, readonly Instance[]>> = { "fluxo-api": ["api"], "fluxo-relay": ["relay"], "fluxo-worker": WORKERS };

interface Lot {
  readonly tenantId: string;
  readonly planId: string;
}

/** The tenants whose executions are parked, and how they get room. */
class Lots {
  readonly #context: FaultContext;
  readonly #stops: WriteStops;
  readonly #byWay: ReadonlyMap<Way, Lot>;
  readonly #quotas = new Map<Way, number>(WAYS.map((way) => [way, QUOTA.first]));

  constructor(context: FaultContext, stops: WriteStops, byWay: ReadonlyMap<Way, Lot>) {
    this.#context = context;
    this.#stops = stops;
    this.#byWay = byWay;
  }

  get tenantIds(): string[] {
    return [...this.#byWay.values()].map(({ tenantId }) => tenantId);
  }

  /** Waits until every tenant has so many parked executions. @throws Error when they do not come */
  async untilParked(count: number): Promise<void> {
    await eventually(async () => {
      const { rows } = await this.#context.db.query<{ least: number }>(
        "SELECT min(parked)::int AS least FROM (SELECT (SELECT count(*) FROM executions e WHERE e.tenant_id = t AND e.reason = 'QUOTA' AND e.resume_at IS NULL) AS parked FROM unnest($1::uuid[]) t) p",
        [this.tenantIds],
      );
      if ((rows[0]?.least ?? 0) < count) throw new Error(`Of ${count} executions ${rows[0]?.least} were parked within ${PARKED_WITHIN_MS} ms.`);
    }, PARKED_WITHIN_MS);
  }

  /** Gives a tenant a little more room in its way, once those have started who were called out into the last one: they would take this one too. */
  async makeRoom(way: Way): Promise<void> {
    const { tenantId, planId } = this.#lot(way);
    await this.#untilNoneCalled(tenantId);
    if (way === "MONTH") return passMonth(this.#context.db, tenantId);
    const quota = (this.#quotas.get(way) ?? 0) + QUOTA.step;
    this.#quotas.set(way, quota);
    if (way === "UPGRADE") return this.#setQuota(planId, quota);
    await this.#context.db.query("UPDATE plans SET executions_per_month = $2 WHERE id = $1", [planId, quota]);
    return this.#untilAnswered("releaseParkedExecutions", { params: { tenantId } });
  }

  /** Gives every tenant room for everything. */
  async openAll(): Promise<void> {
    for (const { planId } of this.#byWay.values()) await this.#setQuota(planId, QUOTA.last);
  }

  /** Kills whoever comes by a point next, in the middle of its transaction, and starts it again. */
  async killAt(point: Point, ending: Ending, act: () => Promise<unknown>): Promise<void> {
    const { system, random, history } = this.#context;
    let killed: readonly Instance[] = [];
    const { acted } = await this.#stops.killAt(point, ending, act, async (application) => {
      killed = VICTIMS[application] ?? [];
      if (killed.length === 0) throw new Error(`Nobody was expected at ${point} by the name ${application}.`);
      await Promise.all(killed.map((victim) => system.kill(victim)));
    });
    await sleep(random.between(100, 500));
    await Promise.all(killed.map((victim) => system.start(victim)));
    this.#context.back();
    await acted;
    history.add({ op: "checked", point, ending, killed });
  }

  #untilNoneCalled(tenantId: string): Promise<void> {
    return eventually(async () => {
      const { rows } = await this.#context.db.query("SELECT FROM executions WHERE tenant_id = $1 AND reason = 'QUOTA' AND resume_at IS NOT NULL LIMIT 1", [tenantId]);
      if (rows.length > 0) throw new Error("What was called out did not start.");
    }, STARTED_WITHIN_MS);
  }

  #lot(way: Way): Lot {
    const lot = this.#byWay.get(way);
    if (lot === undefined) throw new Error(`There is no tenant for ${way}.`);
    return lot;
  }

  #setQuota(planId: string, executionsPerMonth: number): Promise<void> {
    return this.#untilAnswered("updatePlan", { params: { planId }, body: { executionsPerMonth } });
  }

  /** As a client that wants an answer: the same request under the same key until there is one. */
  async #untilAnswered(operation: OperationId, parts: RequestParts): Promise<void> {
    const api = createApi(this.#context.system.apiUrl, this.#context.system.adminKey, parts.params?.["tenantId"]);
    const headers = { "idempotency-key": randomUUID() };
    await eventually(() => api.call(operation, { ...parts, headers }), ANSWERED_WITHIN_MS);
  }
}

/** By tenant of the run that has them now. */
const lotsOf = new WeakMap<FaultContext, Lots>();

async function createLots(context: FaultContext, client: Client): Promise<readonly Target[]> {
  const { db, system, provider, history } = context;
  await installParkingAudit(db);
  const stops = await WriteStops.install(db, system.databaseUrl, history, POINTS);
  const byWay = new Map<Way, Lot>();
  const targets: Target[] = [];
  for (const way of WAYS) {
    const code = `OWN_${way}_${Date.now()}` satisfies OwnPlanCode;
    const { body } = await client.admin.call("createPlan", { body: { code, name: `Parking, ${way}`, ...PLAN } });
    const tenant = await client.createTenant(code);
    byWay.set(way, { tenantId: tenant.id, planId: body.id });
    targets.push(await createTarget(tenant, provider.url));
  }
  const lots = new Lots(context, stops, byWay);
  await noteQuotas(db, lots.tenantIds);
  lotsOf.set(context, lots);
  return targets;
}

function lotsIn(context: FaultContext): Lots {
  const lots = lotsOf.get(context);
  if (lots === undefined) throw new Error("There are no tenants.");
  return lots;
}

async function killWhileParking(context: FaultContext): Promise<void> {
  const lots = lotsIn(context);
  const waits = (): Promise<void> => Promise.resolve();
  await lots.killAt("park", "undone", waits);
  await lots.killAt("park", "unheard", waits);
  await lots.untilParked(PARKED_FIRST);
  // The first calls of these tenants: of the release, of the upgrade and of the new month.
  await lots.killAt("call", "unheard", () => lots.makeRoom("RELEASE"));
  await lots.killAt("upgrade", "undone", () => lots.makeRoom("UPGRADE"));
  await lots.killAt("call", "undone", () => lots.makeRoom("MONTH"));
  await lots.killAt("call", "unheard", () => lots.makeRoom("MONTH"));
  await lots.killAt("upgrade", "unheard", () => lots.makeRoom("UPGRADE"));
  for (const when of ["beforeSend", "beforeMark"] as const) {
    await lots.untilParked(1);
    const killed = killRelay(context, when, 1);
    await Promise.all([killed, ...WAYS.map((way) => lots.makeRoom(way))]);
  }
  await lots.killAt("start", "undone", () => Promise.all(WAYS.map((way) => lots.makeRoom(way))));
  await lots.killAt("start", "unheard", () => lots.openAll());
  context.back();
}

/** What a plan parks, while those die who park it, call it out, hand it over and start it. */
export const parkingFaults: readonly Fault[] = [
  {
    name: "parking-killed-between-writes",
    lane: "fast",
    description: "executions over their quota are parked and called out again by an upgrade, a new month and a release; whoever parks, calls, sends or starts them gets SIGKILL between its writes, once undone and once committed unheard",
    targets: createLots,
    run: killWhileParking,
    judge: async (context) => context.history.add({ op: "checked", ...(await assertParked(context.db, lotsIn(context).tenantIds)) }),
  },
];
