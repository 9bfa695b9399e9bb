import { createHmac } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePlan } from "../../scripts/environment/ports.ts";
import { createDatabase } from "../../scripts/environment/postgres.ts";
import { waitUntilHealthy } from "../../scripts/environment/processes.ts";
import { serviceUrl, syncWorker } from "../../scripts/environment/services.ts";
import { childEnv } from "../../scripts/environment/state.ts";
import { createClient, type Client, type Graph, type Published, type Tenant } from "../support/client.ts";
import { startSink, type Sink } from "../support/sink.ts";
import { startSystem, type System } from "../support/system.ts";
import { SIGNATURE_HEADER, toEnvironment, type BaselineSettings } from "./baselines/settings.ts";
import type { Target } from "./load/job.ts";
import { LoadGenerator } from "./load/load-generator.ts";

export interface BenchOptions {
  /** Data and logs. */
  readonly dir: string;
  /** Where the services leave CPU profiles when they end; absent: none are made. */
  readonly profileDir: string | undefined;
  readonly print: (text: string) => void;
}

/** Ports of what Fluxo is compared with. */
interface BaselinePorts {
  readonly bare: number;
  readonly insert: number;
  readonly queue: number;
  readonly queueWorker: number;
  readonly bareFunction: number;
}

/** Everything that runs during a benchmark. */
export interface Bench {
  readonly system: System;
  readonly client: Client;
  readonly sink: Sink;
  readonly load: LoadGenerator;
  readonly ports: BaselinePorts;
  /** Owner's URL of the baselines' database, on the same server. */
  readonly baselineDatabaseUrl: string;
  readonly print: (text: string) => void;
  stop(): Promise<void>;
}

/** Baselines authenticate with this one; hooks have secrets of their own. */
const BASELINE_SECRET = "a-secret-of-the-baselines";
const READY_MS = 30_000;
/** Every session of PostgreSQL has read its settings again by then. */
const RELOAD_MS = 300;

/** Starts a Fluxo on durable stores and, on the same stores, everything that it is compared with. */
export async function startBench(options: BenchOptions): Promise<Bench> {
  const free = await findFreePlan();
  const ports: BaselinePorts = { bare: free.api, insert: free.ingress, queue: free.relay, queueWorker: free.worker, bareFunction: free.inngest };
  const sink = await startSink();
  const profiling = options.profileDir === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${options.profileDir}` };
  const system = await startSystem({
    dir: options.dir,
    allowedPrivateHosts: [`127.0.0.1:${sink.port}`],
    isDurable: true,
    postgresSettings: { shared_preload_libraries: "pg_stat_statements" },
    sdkUrls: [`${serviceUrl(ports.bareFunction)}/api/inngest`],
    extraEnv: { LOG_LEVEL: "warn", ...profiling },
  });
  const { postgres, supervisor } = system.stores;
  await createDatabase(postgres.urlOf("postgres"), "baseline");
  const baselineDatabaseUrl = postgres.urlOf("baseline");
  const shared = {
    secret: BASELINE_SECRET,
    databaseUrl: baselineDatabaseUrl,
    redisUrl: system.redisUrl,
    inngestUrl: system.inngest.url,
    inngestEventKey: system.inngest.eventKey,
    inngestSigningKey: system.inngest.signingKey,
  };
  const start = async (script: string, port: number): Promise<void> => {
    const settings: BaselineSettings = { ...shared, port };
    const managed = await supervisor.start({
      name: script,
      command: process.execPath,
      args: [join(import.meta.dirname, "baselines", `${script}.ts`)],
      env: childEnv({ NODE_ENV: "production", ...toEnvironment(settings) }),
      logFile: join(system.logDir, `${script}.log`),
    });
    await waitUntilHealthy(managed, `${serviceUrl(port)}/readyz`, READY_MS);
  };
  const load = new LoadGenerator();
  try {
    await start("express-bare", ports.bare);
    await start("express-insert", ports.insert);
    await start("queue-worker", ports.queueWorker);
    await start("queue-door", ports.queue);
    await start("bare-function", ports.bareFunction);
    await syncWorker(serviceUrl(ports.bareFunction));
  } catch (error) {
    await Promise.all([load.stop(), system.stop(), sink.stop()]);
    throw error;
  }
  const client = createClient({ ...system, sinkUrl: sink.url });
  await client.sql("CREATE EXTENSION pg_stat_statements");
  await trackStatements(client, "none");
  return {
    system,
    client,
    sink,
    load,
    ports,
    baselineDatabaseUrl,
    print: options.print,
    stop: async () => {
      await load.stop();
      await client.close();
      await system.stop();
      await sink.stop();
    },
  };
}

/** Has PostgreSQL count statements, or not: it does only while that is measured. */
export async function trackStatements(client: Client, track: "top" | "none"): Promise<void> {
  await client.sql(`ALTER SYSTEM SET pg_stat_statements.track = '${track}'`);
  await client.sql("SELECT pg_reload_conf()");
  await sleep(RELOAD_MS);
}

/** A workflow's webhook as the load generator and single requests reach it. */
export interface BenchHook {
  readonly tenantId: string;
  readonly target: Target;
}

/** The webhook trigger of every benchmark: signed bodies, each request an execution of its own. */
export const HOOK: Graph["nodes"][number] = { id: "start", type: "trigger.webhook", params: { authentication: { mode: "hmac", header: SIGNATURE_HEADER, encoding: "hex" } } };

/** What every event is about: some 250 bytes of JSON, as a shop's webhook may send them. */
export function orderBody(tenantId: string): string {
  return JSON.stringify({
    tenantId,
    orderId: "order-10234",
    total: 129.9,
    currency: "EUR",
    customer: { id: "customer-77", email: "ana@example.com", name: "Ana Example" },
    items: [{ sku: "A-1", quantity: 2 }, { sku: "B-7", quantity: 1 }],
  });
}

/** A new tenant of a plan, with one published workflow that a webhook starts. */
export async function createHook(bench: Bench, graph: Graph, plan: "PRO" | "AGENCY" = "AGENCY"): Promise<BenchHook> {
  const tenant = await bench.client.createTenant(plan);
  return { tenantId: tenant.id, target: targetOf(tenant, await tenant.publish(graph)) };
}

function targetOf(tenant: Tenant, { hookUrl, secret }: Published): Target {
  const { port, pathname } = new URL(hookUrl);
  return { port: Number(port), path: pathname, ...signed(secret, orderBody(tenant.id)) };
}

/** The receiver of a baseline, with the same body under its own secret. */
export function baselineTarget(port: number, tenantId: string): Target {
  return { port, path: "/hooks/0123456789abcdef0123456789abcdef", ...signed(BASELINE_SECRET, orderBody(tenantId)) };
}

function signed(secret: string, body: string): Pick<Target, "headers" | "body"> {
  return { headers: { "content-type": "application/json", [SIGNATURE_HEADER]: createHmac("sha256", secret).update(body).digest("hex") }, body };
}
