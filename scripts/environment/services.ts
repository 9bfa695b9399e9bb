import { join } from "node:path";
import { runOrFail } from "./commands.ts";
import type { PortPlan } from "./ports.ts";
import { Problem } from "./problem.ts";
import { type ManagedProcess, type Supervisor, waitUntilHealthy } from "./processes.ts";
import { childEnv, ROOT } from "./state.ts";

/** What every process of the product is told. */
export interface ProductSettings {
  readonly appDatabaseUrl: string;
  readonly systemDatabaseUrl: string;
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly inngestUrl: string;
  readonly inngestEventKey: string;
  readonly inngestSigningKey: string;
  /** Base64 of 32 bytes. */
  readonly masterKey: string;
  readonly publicIngressUrl: string;
  /** Private addresses (`host:port`) that workflows may call nevertheless. */
  readonly allowedPrivateHosts: readonly string[];
  readonly logLevel: string;
  readonly nodeEnv: "development" | "test" | "production";
}

const SERVICE_NAMES = ["api", "ingress", "relay", "worker", "dispatchers"] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface ServiceOptions {
  readonly supervisor: Supervisor;
  readonly settings: ProductSettings;
  readonly ports: Readonly<Record<ServiceName, number>>;
  readonly logDir: string;
  /** Variables for one service, over the common ones. */
  readonly extraEnv?: Readonly<Record<string, string>>;
}

export interface Services {
  readonly processes: Readonly<Record<ServiceName, ManagedProcess>>;
  readonly urls: Readonly<Record<ServiceName, string>>;
}

export interface MigrateOptions {
  /** URL of the database as its owner. */
  readonly databaseUrl: string;
  readonly appPassword: string;
  readonly systemPassword: string;
  readonly onLine?: (line: string) => void;
}

const READY_TIMEOUT_MS = 60_000;
const ENTRY = { api: ["control-plane/src/main.ts", "api"], ingress: ["control-plane/src/main.ts", "ingress"], relay: ["control-plane/src/main.ts", "relay"], worker: ["worker/src/main.ts"], dispatchers: ["dispatchers/src/main.ts", "schedule", "email", "rss", "file"] } as const;

/** The address of a service of this machine. */
export function serviceUrl(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** Ports of the services out of the plan. */
export function servicePorts(plan: PortPlan): Readonly<Record<ServiceName, number>> {
  return { api: plan.api, ingress: plan.ingress, relay: plan.relay, worker: plan.worker, dispatchers: plan.dispatchers };
}

/** The same database as another role. */
export function urlAs(databaseUrl: string, user: string, password: string): string {
  const url = new URL(databaseUrl);
  url.username = user;
  url.password = password;
  return url.href;
}

/** Generates the Prisma client when its input changed. */
export async function generateClient(onLine?: (line: string) => void): Promise<void> {
  await runOrFail(
    { command: process.execPath, args: [join(ROOT, "prisma/src/generate.ts")], cwd: ROOT, env: childEnv(), ...(onLine === undefined ? {} : { onLine }) },
    { what: "The database client could not be generated.", todo: "mind the reason above; if the files look wrong: rm -rf node_modules prisma/src/generated." },
  );
}

/** Brings the database to the newest migration and gives the roles of the product their passwords. */
export async function migrate(options: MigrateOptions): Promise<void> {
  const env = childEnv({ DATABASE_URL: options.databaseUrl, FLUXO_APP_PASSWORD: options.appPassword, FLUXO_SYSTEM_PASSWORD: options.systemPassword });
  await runOrFail(
    { command: process.execPath, args: [join(ROOT, "prisma/src/migrate.ts")], cwd: ROOT, env, ...(options.onLine === undefined ? {} : { onLine: options.onLine }) },
    { what: "The database could not be migrated.", todo: "mind the reason above; `npm run reset` starts from an empty database (not with DATABASE_URL: empty that one yourself)." },
  );
}

/** Creates an agency with its first admin key. The key is shown here and never again. */
export async function bootstrapAgency(settings: ProductSettings, name: string): Promise<{ readonly agencyId: string; readonly adminKey: string }> {
  return JSON.parse(await bootstrap(settings, ["--agency", name], "adminKey")) as { agencyId: string; adminKey: string };
}

/** Creates a key of the operator. It is shown here and never again. */
export async function bootstrapOperator(settings: ProductSettings): Promise<{ readonly operatorKey: string }> {
  return JSON.parse(await bootstrap(settings, ["--operator"], "operatorKey")) as { operatorKey: string };
}

/** @returns the line of JSON with the key */
async function bootstrap(settings: ProductSettings, args: readonly string[], keyName: string): Promise<string> {
  const told = { what: "The first keys could not be created.", todo: "mind the reason above; `npm run reset` starts from nothing." };
  const result = await runOrFail({ command: process.execPath, args: [join(ROOT, "control-plane/src/main.ts"), "bootstrap", ...args], cwd: ROOT, env: childEnv(productEnv(settings)) }, told);
  const line = result.stdout.split("\n").find((text) => text.includes(`"${keyName}"`));
  if (line === undefined) throw new Problem({ ...told, why: "the command printed no key." });
  return line;
}

/** The environment that all processes of the product share. */
export function productEnv(settings: ProductSettings): Readonly<Record<string, string>> {
  return {
    FLUXO_APP_DATABASE_URL: settings.appDatabaseUrl,
    FLUXO_SYSTEM_DATABASE_URL: settings.systemDatabaseUrl,
    REDIS_URL: settings.redisUrl,
    FLUXO_REDIS_PREFIX: settings.redisPrefix,
    INNGEST_BASE_URL: settings.inngestUrl,
    INNGEST_EVENT_KEY: settings.inngestEventKey,
    INNGEST_SIGNING_KEY: settings.inngestSigningKey,
    FLUXO_MASTER_KEY: settings.masterKey,
    FLUXO_PUBLIC_INGRESS_URL: settings.publicIngressUrl,
    FLUXO_ALLOWED_PRIVATE_HOSTS: settings.allowedPrivateHosts.join(","),
    LOG_LEVEL: settings.logLevel,
    NODE_ENV: settings.nodeEnv,
  };
}

/** Starts one service and waits until it is ready. For tests that stop and start parts. */
export async function startService(name: ServiceName, options: ServiceOptions): Promise<ManagedProcess> {
  const port = options.ports[name];
  const [file, ...args] = ENTRY[name];
  const own = { HOST: "127.0.0.1", PORT: String(port), WORKER_SERVE_URL: serviceUrl(options.ports.worker) };
  const managed = await options.supervisor.start({
    name,
    command: process.execPath,
    args: [join(ROOT, file), ...args],
    env: childEnv({ ...productEnv(options.settings), ...own, ...options.extraEnv }),
    cwd: ROOT,
    logFile: join(options.logDir, `${name}.log`),
    group: "product",
    stopTimeoutMs: 20_000, // each promises to stop within 15 s
  });
  await waitUntilHealthy(managed, `${serviceUrl(port)}/readyz`, READY_TIMEOUT_MS);
  return managed;
}

/** Starts all services side by side, waits until they are ready, and makes Inngest know the worker's functions. */
export async function startServices(options: ServiceOptions): Promise<Services> {
  const started = await Promise.all(SERVICE_NAMES.map(async (name) => [name, await startService(name, options)] as const));
  await syncWorker(serviceUrl(options.ports.worker));
  return {
    processes: Object.fromEntries(started) as Record<ServiceName, ManagedProcess>,
    urls: Object.fromEntries(SERVICE_NAMES.map((name) => [name, serviceUrl(options.ports[name])])) as Record<ServiceName, string>,
  };
}

/**
 * Asks the worker to register its functions now. Inngest looks by itself every 5 s, so a refusal is not an error: it only takes longer.
 */
export async function syncWorker(workerUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${workerUrl}/api/inngest`, { method: "PUT", signal: AbortSignal.timeout(10_000) });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

