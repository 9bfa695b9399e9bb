import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { findInngest } from "../../scripts/environment/inngest-binary.ts";
import { startInngest } from "../../scripts/environment/inngest.ts";
import { findFreePlan, type PortPlan } from "../../scripts/environment/ports.ts";
import { createDatabase, startPostgres, withClient, type PostgresServer } from "../../scripts/environment/postgres.ts";
import { describeExit, Supervisor, type ManagedProcess } from "../../scripts/environment/processes.ts";
import { startRedis } from "../../scripts/environment/redis.ts";
import { bootstrapAgency, migrate, servicePorts, startService, syncWorker, urlAs, type ProductSettings, type ServiceName } from "../../scripts/environment/services.ts";
import { TEST_PASSWORDS } from "../support/database.ts";
import { DatabaseGate } from "./database-gate.ts";
import type { History } from "./history.ts";
import { HttpGate } from "./http-gate.ts";

/** The processes of the product. */
export const INSTANCES = ["api", "ingress", "relay", "worker-1", "worker-2", "dispatcher-1", "dispatcher-2"] as const;
export type Instance = (typeof INSTANCES)[number];
export const WORKERS = ["worker-1", "worker-2"] as const satisfies readonly Instance[];
export const DISPATCHERS = ["dispatcher-1", "dispatcher-2"] as const satisfies readonly Instance[];
/** Of a trigger that a dispatcher holds: short, so that a fault sees what comes after it. */
export const DISPATCHER_LEASE_MS = 3_000;

/**
 * How executions start. `fast`: intake hands them to a worker through Redis and their events come after, as Fluxo is run. `durable`: by the relay and
 * Inngest alone, as under a backlog and wherever the fast lane loses one; a fault there would go unnoticed with the fast lane on.
 */
export type Lane = "fast" | "durable";

/** The stores, which keep what they hold unless told otherwise. */
type Store = "postgres" | "redis" | "inngest" | "inngest-redis";

export interface ChaosSystemOptions {
  /** Data. */
  readonly dir: string;
  /** What the processes print; stays when the data go. */
  readonly logDir: string;
  readonly history: History;
  /** Private addresses (`host:port`) that workflows may call. */
  readonly allowedPrivateHosts: readonly string[];
  readonly progress: (text: string) => void;
}

interface Exit {
  readonly name: string;
  readonly pid: number;
  readonly how: string;
}

interface Gates {
  /** Between the services and PostgreSQL. Inngest and the owner go past it. */
  readonly database: DatabaseGate;
  readonly ingress: HttpGate;
  /** Before Inngest. */
  readonly inngest: HttpGate;
  /** Before both workers: the one address that Inngest knows. */
  readonly workers: HttpGate;
}

/**
 * A whole Fluxo of its own that a fault can take apart: durable stores, so that a crash proves something, two workers behind one address, and gates
 * between the parts.
 */
export class ChaosSystem {
  readonly gates: Gates;
  readonly ports: PortPlan;
  readonly #options: ChaosSystemOptions;
  readonly #supervisor: Supervisor;
  readonly #exits: readonly Exit[];
  /** Of the second worker and the second dispatcher. */
  readonly #secondPorts: PortPlan;
  readonly #settings: ProductSettings;
  readonly #inngestBinary: string;
  readonly #processes = new Map<Instance | Store, ManagedProcess>();
  readonly #starts = new Map<string, number>();
  /** Process ids whose end is known. */
  readonly #expected = new Set<number>();
  #postgres: PostgresServer;
  #workerEnv: Readonly<Record<string, string>> = {};
  #dispatcherEnv: Readonly<Record<string, string>> = {};
  #lane: Lane = "fast";
  /** The agency that owns the tenants. */
  #adminKey = "";

  private constructor(parts: {
    readonly options: ChaosSystemOptions;
    readonly supervisor: Supervisor;
    readonly exits: readonly Exit[];
    readonly ports: PortPlan;
    readonly secondPorts: PortPlan;
    readonly settings: ProductSettings;
    readonly gates: Gates;
    readonly postgres: PostgresServer;
    readonly inngestBinary: string;
  }) {
    this.#options = parts.options;
    this.#supervisor = parts.supervisor;
    this.#exits = parts.exits;
    this.ports = parts.ports;
    this.#secondPorts = parts.secondPorts;
    this.#settings = parts.settings;
    this.gates = parts.gates;
    this.#postgres = parts.postgres;
    this.#inngestBinary = parts.inngestBinary;
    this.#processes.set("postgres", parts.postgres.process);
    this.#starts.set("postgres", 1);
  }

  /** Starts everything on free ports. What was started is ended again when something does not start. */
  static async start(options: ChaosSystemOptions): Promise<ChaosSystem> {
    const exits: Exit[] = [];
    const supervisor = new Supervisor({
      stateFile: join(options.dir, "processes.json"),
      onUnexpectedExit: ({ name, pid }, exit) => exits.push({ name, pid, how: describeExit(exit) }),
    });
    try {
      return await ChaosSystem.#startOn(supervisor, exits, options);
    } catch (error) {
      await supervisor.stopAll();
      throw error;
    }
  }

  static async #startOn(supervisor: Supervisor, exits: readonly Exit[], options: ChaosSystemOptions): Promise<ChaosSystem> {
    const { dir, logDir, history, progress } = options;
    const [ports, more] = [await findFreePlan(), await findFreePlan()];
    progress("stores");
    const postgres = await startPostgres({ supervisor, dir: join(dir, "postgres"), port: ports.postgres, logFile: join(logDir, "postgres.1.log"), isDurable: true });
    for (const name of ["fluxo", "inngest"]) await createDatabase(postgres.urlOf("postgres"), name);
    progress("migrations");
    await migrate({ databaseUrl: postgres.urlOf("fluxo"), appPassword: TEST_PASSWORDS.app, systemPassword: TEST_PASSWORDS.system });
    const gates: Gates = {
      database: await DatabaseGate.start(ports.postgres, history),
      ingress: await HttpGate.start([ports.ingress]),
      inngest: await HttpGate.start([ports.inngest]),
      workers: await HttpGate.start([ports.worker, more.worker], true),
    };
    const url = gates.database.through(postgres.urlOf("fluxo"));
    const settings: ProductSettings = {
      appDatabaseUrl: urlAs(url, "fluxo_app", TEST_PASSWORDS.app),
      systemDatabaseUrl: urlAs(url, "fluxo_system", TEST_PASSWORDS.system),
      redisUrl: `redis://127.0.0.1:${ports.redis}/0`,
      redisPrefix: "fluxo-chaos",
      inngestUrl: gates.inngest.url,
      inngestEventKey: randomBytes(16).toString("hex"),
      inngestSigningKey: randomBytes(32).toString("hex"),
      masterKey: randomBytes(32).toString("base64"),
      publicIngressUrl: gates.ingress.url,
      allowedPrivateHosts: options.allowedPrivateHosts,
      logLevel: "info",
      nodeEnv: "test",
    };
    const inngestBinary = await findInngest(progress);
    const system = new ChaosSystem({ options, supervisor, exits, ports, secondPorts: more, settings, gates, postgres, inngestBinary });
    await Promise.all([system.startStore("redis"), system.startStore("inngest-redis")]);
    progress("Inngest");
    await system.startStore("inngest");
    progress("services");
    system.#adminKey = (await bootstrapAgency(settings, "Chaos agency")).adminKey;
    await Promise.all(INSTANCES.map((instance) => system.start(instance)));
    return system;
  }

  get adminKey(): string {
    return this.#adminKey;
  }

  get apiUrl(): string {
    return `http://127.0.0.1:${this.ports.api}`;
  }

  /** The owner's connection, past the gate. */
  get databaseUrl(): string {
    return this.#postgres.urlOf("fluxo");
  }

  /** The server's administrative database, as its superuser. */
  get administrativeUrl(): string {
    return this.#postgres.urlOf("postgres");
  }

  isUp(instance: Instance): boolean {
    return this.#processes.has(instance);
  }

  /** Which worker has this process id. */
  workerOf(pid: number): Instance | undefined {
    return WORKERS.find((worker) => this.#processes.get(worker)?.pid === pid);
  }

  pid(instance: Instance): number {
    const managed = this.#processes.get(instance);
    if (managed === undefined) throw new Error(`${instance} does not run.`);
    return managed.pid;
  }

  /** Sends SIGKILL (SIGQUIT is PostgreSQL's immediate stop) and waits until the process is gone. */
  async kill(part: Instance | Store, signal: "SIGKILL" | "SIGQUIT" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const managed = this.#processes.get(part);
    if (managed === undefined) throw new Error(`${part} does not run.`);
    this.#options.history.add({ op: "killed", part, signal, pid: managed.pid });
    this.#processes.delete(part);
    this.#expected.add(managed.pid);
    process.kill(managed.pid, signal);
    await managed.exited;
  }

  /** Processes that ended by themselves since this was asked the last time; they are started again, as an orchestrator would. */
  async restartEnded(): Promise<readonly string[]> {
    const told: string[] = [];
    for (const { name, pid, how } of this.#exits.filter((exit) => !this.#expected.has(exit.pid))) {
      this.#expected.add(pid);
      const part = [...this.#processes].find(([, managed]) => managed.pid === pid)?.[0];
      if (part === undefined) continue;
      told.push(`${part} (${name}) ${how}`);
      this.#processes.delete(part);
      this.#options.history.add({ op: "ended", part, how });
      await ((INSTANCES as readonly string[]).includes(part) ? this.start(part as Instance) : this.startStore(part as Store));
    }
    return told;
  }

  /** Stops a process in its tracks, or lets it go on. */
  signal(instance: Instance, signal: "SIGSTOP" | "SIGCONT"): void {
    const managed = this.#processes.get(instance);
    if (managed === undefined) throw new Error(`${instance} does not run.`);
    this.#options.history.add({ op: "signaled", part: instance, signal, pid: managed.pid });
    process.kill(managed.pid, signal);
  }

  /** Starts a process of the product that was ended; resolves when it is ready. */
  async start(instance: Instance): Promise<void> {
    const isWorker = instance === "worker-1" || instance === "worker-2";
    const isDispatcher = instance === "dispatcher-1" || instance === "dispatcher-2";
    const name: ServiceName = isWorker ? "worker" : isDispatcher ? "dispatchers" : instance;
    const { worker, dispatchers } = this.#secondPorts;
    const ports = { ...servicePorts(this.ports), ...(instance === "worker-2" ? { worker } : {}), ...(instance === "dispatcher-2" ? { dispatchers } : {}) };
    const managed = await startService(name, {
      supervisor: this.#supervisor,
      settings: this.#settings,
      ports,
      logDir: join(this.#options.logDir, `${instance}.${this.#countStart(instance)}`),
      extraEnv: { FLUXO_FAST_LANE: String(this.#lane === "fast"), ...(isWorker ? { WORKER_SERVE_URL: this.gates.workers.url, ...this.#workerEnv } : {}), ...(isDispatcher ? { DISPATCHER_LEASE_MS: String(DISPATCHER_LEASE_MS), ...this.#dispatcherEnv } : {}) },
    });
    if (isWorker) await syncWorker(`http://127.0.0.1:${ports.worker}`);
    this.#processes.set(instance, managed);
    this.#options.history.add({ op: "started", part: instance, pid: managed.pid });
  }

  /** Restarts the workers with these variables over the usual ones. */
  async restartWorkers(env: Readonly<Record<string, string>>): Promise<void> {
    this.#workerEnv = env;
    await this.#restart(WORKERS);
  }

  /** Restarts the dispatchers with these variables over the usual ones. */
  async restartDispatchers(env: Readonly<Record<string, string>>): Promise<void> {
    this.#dispatcherEnv = env;
    await this.#restart(DISPATCHERS);
  }

  /** Has executions start by that lane from now on. */
  async useLane(lane: Lane): Promise<void> {
    if (lane === this.#lane) return;
    this.#lane = lane;
    await this.#restart(["ingress", ...WORKERS]);
  }

  /** Starts a store that was ended; resolves when it answers. `isEmpty`: nothing of what it held is left. */
  async startStore(store: Store, isEmpty = false): Promise<void> {
    const { dir, logDir, history } = this.#options;
    const shared = { supervisor: this.#supervisor, logFile: join(logDir, `${store}.${this.#countStart(store)}.log`) };
    switch (store) {
      case "postgres":
        this.#postgres = await startPostgres({ ...shared, dir: join(dir, "postgres"), port: this.ports.postgres, isDurable: true });
        this.#processes.set(store, this.#postgres.process);
        break;
      case "redis":
      case "inngest-redis": {
        if (isEmpty) rmSync(join(dir, store), { recursive: true, force: true });
        const port = store === "redis" ? this.ports.redis : this.ports.inngestRedis;
        this.#processes.set(store, (await startRedis({ ...shared, dir: join(dir, store), port, isDurable: true, name: store })).process);
        break;
      }
      case "inngest":
        if (isEmpty) await this.#emptyInngest();
        this.#processes.set(store, (await this.#startInngest(shared.logFile)).process);
        break;
      default:
        store satisfies never;
    }
    history.add({ op: "started", part: store, isEmpty });
  }

  async stop(): Promise<void> {
    await this.#supervisor.stopAll();
    await Promise.all(Object.values(this.gates).map((gate: DatabaseGate | HttpGate) => gate.stop()));
  }

  /** Kills everything at once. */
  killAll(): void {
    this.#supervisor.killAll();
  }

  #startInngest(logFile: string): ReturnType<typeof startInngest> {
    const { ports } = this;
    return startInngest({
      supervisor: this.#supervisor,
      binary: this.#inngestBinary,
      port: ports.inngest,
      connectGatewayPort: ports.inngestConnectGateway,
      gatewayGrpcPort: ports.inngestGatewayGrpc,
      executorGrpcPort: ports.inngestExecutorGrpc,
      postgresUri: this.#postgres.urlOf("inngest"),
      redisUri: `redis://127.0.0.1:${ports.inngestRedis}/0`,
      dir: join(this.#options.dir, "inngest"),
      signingKey: this.#settings.inngestSigningKey,
      eventKey: this.#settings.inngestEventKey,
      sdkUrls: [`${this.gates.workers.url}/api/inngest`],
      logFile,
    });
  }

  async #emptyInngest(): Promise<void> {
    rmSync(join(this.#options.dir, "inngest"), { recursive: true, force: true });
    await withClient(this.administrativeUrl, (client) => client.query("DROP DATABASE inngest WITH (FORCE)"));
    await createDatabase(this.administrativeUrl, "inngest");
  }

  async #restart(instances: readonly Instance[]): Promise<void> {
    await Promise.all(
      instances.map(async (instance) => {
        await this.kill(instance, "SIGTERM");
        await this.start(instance);
      }),
    );
  }

  #countStart(part: string): number {
    const count = (this.#starts.get(part) ?? 0) + 1;
    this.#starts.set(part, count);
    return count;
  }
}
