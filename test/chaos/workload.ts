import { setTimeout as sleep } from "node:timers/promises";
import { graphSchema } from "@fluxo/core/graph/graph";
import { planGraph } from "@fluxo/core/planning/plan";
import { findDefinition } from "@fluxo/nodes/catalog";
import type { Client, Graph, PlanCode, Tenant } from "../support/client.ts";
import { graph, post, set, SIGNED_WEBHOOK } from "../support/graphs.ts";
import { deliver } from "../support/hooks.ts";
import type { History } from "./history.ts";
import type { SeededRandom } from "./random.ts";

/** A tenant with its published workflow. */
export interface Target {
  readonly tenantId: string;
  readonly hookUrl: string;
  readonly secret: string;
  readonly shape: WorkflowShape;
}

/** What the checker must know about a graph. */
export interface WorkflowShape {
  /** Node ids in plan order. */
  readonly nodeIds: readonly string[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
  /** Ids of the nodes that call the provider, each once in an execution. */
  readonly effects: readonly string[];
}

/** A delivery that was answered with 2xx. */
export interface Delivered {
  readonly id: string;
  readonly target: Target;
  /** Of each answer: every repeat must name the same one. */
  readonly executionIds: ReadonlySet<string>;
}

/** Every one has room for what a run sends; STARTER has few slots, so that its executions have to wait for them. */
const PLANS: readonly { readonly plan: PlanCode; readonly delayMs: number }[] = [
  { plan: "AGENCY", delayMs: 0 },
  { plan: "PRO", delayMs: 0 },
  { plan: "PRO", delayMs: 700 },
  { plan: "STARTER", delayMs: 0 },
];
/** Share of the deliveries that their sender sends twice although the first was answered. */
const REPEATED_SHARE = 0.1;
const BACK_OFF_MS = { first: 100, last: 1_000 } as const;
const ANSWER_WITHIN_MS = 120_000;

/** A pure node, a side effect beside another branch, a side effect that needs the first one's record, and a pure node; in one tenant with a delay. */
function workflowGraph(providerUrl: string, delayMs: number): Graph {
  const nodes = [
    SIGNED_WEBHOOK,
    set("prepare", { n: "{{ trigger.body.n }}" }),
    post("act", `${providerUrl}/act/20`),
    post("beside", `${providerUrl}/beside/80`),
    { id: "join", type: "merge", params: { mode: "waitAll" } },
    post("tell", `${providerUrl}/tell/20`),
    set("done", { n: "{{ prepare.n }}", key: "{{ act.body.key }}" }),
  ];
  const edges = ["start > prepare", "prepare > act", "prepare > beside", "act > join", "beside > join", "tell > done"];
  if (delayMs === 0) return graph(nodes, [...edges, "join > tell"]);
  return graph([...nodes, { id: "pause", type: "delay", params: { durationMs: delayMs } }], [...edges, "join > pause", "pause > tell"]);
}

/** Makes the tenants and publishes their workflows. */
export async function createTargets(client: Client, providerUrl: string): Promise<Target[]> {
  const targets: Target[] = [];
  for (const { plan, delayMs } of PLANS) targets.push(await createTarget(await client.createTenant(plan), providerUrl, delayMs));
  return targets;
}

/** Publishes the workflow for a tenant. */
export async function createTarget(tenant: Tenant, providerUrl: string, delayMs = 0): Promise<Target> {
  const given = workflowGraph(providerUrl, delayMs);
  const { hookUrl, secret } = await tenant.publish(given);
  return { tenantId: tenant.id, hookUrl, secret, shape: shapeOf(given) };
}

/** What the checker must know about a graph whose HTTP requests all go to the provider. */
export function shapeOf(given: Graph): WorkflowShape {
  const parsed = graphSchema.parse(given);
  return {
    nodeIds: planGraph(parsed, { get: findDefinition }).nodes.map(({ node }) => node.id),
    edges: parsed.edges,
    effects: parsed.nodes.filter(({ type }) => type === "http.request").map(({ id }) => id),
  };
}

/**
 * Callers of webhooks, as they should be: each delivery has an id and is sent again, with that id, until it is answered with 2xx. New deliveries
 * come at their rate, whatever happens to the earlier ones.
 */
export class Load {
  readonly #targets: readonly Target[];
  readonly #prefix: string;
  readonly #random: SeededRandom;
  readonly #history: History;
  readonly #delivered: Delivered[] = [];
  readonly #failures: string[] = [];
  readonly #open = new Set<Promise<void>>();
  #sent = 0;

  constructor(options: { readonly targets: readonly Target[]; readonly prefix: string; readonly random: SeededRandom; readonly history: History }) {
    this.#targets = options.targets;
    this.#prefix = options.prefix;
    this.#random = options.random;
    this.#history = options.history;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Answered with 2xx so far. */
  get delivered(): readonly Delivered[] {
    return this.#delivered;
  }

  /** Deliveries that were refused, or never answered. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /** Sends `count` deliveries at so many a second, and further ones at `trickle` a second until `until` is fulfilled. */
  async send(count: number, perSecond: number, until: Promise<unknown> = Promise.resolve(), trickle = 2): Promise<void> {
    const over = new AbortController();
    const end = (): void => over.abort();
    void until.then(end, end);
    for (let n = 0; n < count; n += 1) {
      this.#begin();
      // Arrivals without memory: their gaps are exponentially distributed.
      await sleep((-Math.log(1 - this.#random.next()) * 1_000) / perSecond);
    }
    while (!over.signal.aborted) {
      this.#begin();
      await sleep(1_000 / trickle);
    }
  }

  /** Resolves when every delivery has its answer. */
  async settle(): Promise<void> {
    await Promise.all(this.#open);
  }

  #begin(): void {
    this.#sent += 1;
    const id = `${this.#prefix}${this.#sent}`;
    const target = this.#targets[this.#random.between(0, this.#targets.length - 1)];
    if (target === undefined) throw new Error("There is no target.");
    const isRepeated = this.#random.next() < REPEATED_SHARE;
    const delivery = this.#deliver(id, target, isRepeated).finally(() => this.#open.delete(delivery));
    this.#open.add(delivery);
  }

  async #deliver(id: string, target: Target, isRepeated: boolean): Promise<void> {
    const executionIds = new Set<string>();
    for (let time = 0; time < (isRepeated ? 2 : 1); time += 1) {
      const executionId = await this.#untilAnswered(id, target);
      if (executionId === undefined) return;
      executionIds.add(executionId);
    }
    this.#delivered.push({ id, target, executionIds });
  }

  async #untilAnswered(id: string, target: Target): Promise<string | undefined> {
    const deadline = Date.now() + ANSWER_WITHIN_MS;
    let last = "";
    for (let delayMs: number = BACK_OFF_MS.first; Date.now() < deadline; delayMs = Math.min(delayMs * 2, BACK_OFF_MS.last)) {
      this.#history.add({ op: "sent", id });
      try {
        const { status, executionId, duplicate, text } = await deliver(target, { id, body: { n: id } });
        this.#history.add({ op: "answered", id, status, executionId, duplicate });
        if (status >= 200 && status < 300) return executionId;
        last = `${status} ${text.slice(0, 200)}`;
        if (status < 500 && status !== 429) break;
      } catch (error) {
        last = error instanceof Error ? error.message : String(error);
        this.#history.add({ op: "unanswered", id, error: last });
      }
      await sleep(delayMs);
    }
    this.#failures.push(`delivery ${id} was not accepted: ${last}`);
    return undefined;
  }
}
