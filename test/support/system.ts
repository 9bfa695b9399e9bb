import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { startInngest } from "../../scripts/environment/inngest.ts";
import type { ManagedProcess } from "../../scripts/environment/processes.ts";
import { startRedis } from "../../scripts/environment/redis.ts";
import {
  bootstrapAgency,
  migrate,
  servicePorts,
  serviceUrl,
  startService,
  startServices,
  syncWorker,
  urlAs,
  type ProductSettings,
  type ServiceName,
} from "../../scripts/environment/services.ts";
import { startTestStores, type TestStores } from "../../scripts/environment/stores.ts";
import { TEST_PASSWORDS } from "./database.ts";

/** A whole Fluxo of its own: stores, Inngest and every service as a process. */
export interface System {
  readonly apiUrl: string;
  readonly ingressUrl: string;
  readonly workerUrl: string;
  readonly relayUrl: string;
  /** Owner's connection. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly adminKey: string;
  readonly agencyId: string;
  /** The admin key of an agency that has nothing to do with the first one. */
  readonly strangerKey: string;
  readonly logDir: string;
  readonly stores: TestStores;
  readonly inngest: { readonly url: string; readonly eventKey: string; readonly signingKey: string };
  pid(name: ServiceName): number;
  isRunning(name: ServiceName): boolean;
  /** Ends a service with SIGKILL and waits until it is gone. */
  kill(name: ServiceName): Promise<void>;
  /** Asks a service to stop with SIGTERM and waits until it is gone. Returns its exit code; null when it was killed for being too slow. */
  terminate(name: ServiceName): Promise<number | null>;
  /** Starts a service that was ended, with variables over those it had. */
  start(name: ServiceName, extraEnv?: Readonly<Record<string, string>>): Promise<void>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  /** Data and logs. */
  readonly dir: string;
  /** Private addresses (`host:port`) that workflows may call. */
  readonly allowedPrivateHosts: readonly string[];
  /** Variables for all services, over the common ones. */
  readonly extraEnv?: Readonly<Record<string, string>>;
  /** Whether stores write to disk as in `npm start`; no unless said. */
  readonly isDurable?: boolean;
  /** Settings of PostgreSQL over the usual ones. */
  readonly postgresSettings?: Readonly<Record<string, string>>;
  /** Where Inngest finds functions beside the worker's. */
  readonly sdkUrls?: readonly string[];
}

/** Starts a system on free ports. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { dir, isDurable = false, postgresSettings = {} } = options;
  const stores = await startTestStores({ dir, isDurable, postgresSettings });
  try {
    return await startOn(stores, options);
  } catch (error) {
    await stores.stop();
    throw error;
  }
}

async function startOn(stores: TestStores, options: SystemOptions): Promise<System> {
  const { supervisor, ports } = stores;
  const logDir = join(options.dir, "logs");
  const signingKey = randomBytes(32).toString("hex");
  const eventKey = randomBytes(16).toString("hex");
  const [binary, inngestRedis] = await Promise.all([
    stores.findInngest(),
    startRedis({ supervisor, dir: join(options.dir, "inngest-redis"), port: ports.inngestRedis, logFile: join(logDir, "inngest-redis.log"), isDurable: options.isDurable ?? false, name: "inngest-redis" }),
    migrate({ databaseUrl: stores.databaseUrl, appPassword: TEST_PASSWORDS.app, systemPassword: TEST_PASSWORDS.system }),
  ]);
  const settings: ProductSettings = {
    appDatabaseUrl: urlAs(stores.databaseUrl, "fluxo_app", TEST_PASSWORDS.app),
    systemDatabaseUrl: urlAs(stores.databaseUrl, "fluxo_system", TEST_PASSWORDS.system),
    redisUrl: stores.redisUrl,
    redisPrefix: "fluxo-test",
    inngestUrl: serviceUrl(ports.inngest),
    inngestEventKey: eventKey,
    inngestSigningKey: signingKey,
    masterKey: randomBytes(32).toString("base64"),
    publicIngressUrl: serviceUrl(ports.ingress),
    allowedPrivateHosts: options.allowedPrivateHosts,
    logLevel: "info",
    nodeEnv: "test",
  };
  await startInngest({
    supervisor,
    binary,
    port: ports.inngest,
    connectGatewayPort: ports.inngestConnectGateway,
    gatewayGrpcPort: ports.inngestGatewayGrpc,
    executorGrpcPort: ports.inngestExecutorGrpc,
    postgresUri: stores.inngestDatabaseUrl,
    redisUri: inngestRedis.url,
    dir: join(options.dir, "inngest"),
    signingKey,
    eventKey,
    sdkUrls: [`${serviceUrl(ports.worker)}/api/inngest`, ...(options.sdkUrls ?? [])],
    logFile: join(logDir, "inngest.log"),
  });
  const serviceOptions = { supervisor, settings, ports: servicePorts(ports), logDir, ...(options.extraEnv === undefined ? {} : { extraEnv: options.extraEnv }) };
  const { agencyId, adminKey } = await bootstrapAgency(settings, "Test agency");
  const stranger = await bootstrapAgency(settings, "Another agency");
  const services = await startServices(serviceOptions);
  const processes: Record<ServiceName, ManagedProcess> = { ...services.processes };
  return {
    apiUrl: services.urls.api,
    ingressUrl: services.urls.ingress,
    workerUrl: services.urls.worker,
    relayUrl: services.urls.relay,
    databaseUrl: stores.databaseUrl,
    redisUrl: stores.redisUrl,
    adminKey,
    agencyId,
    strangerKey: stranger.adminKey,
    logDir,
    stores,
    inngest: { url: serviceUrl(ports.inngest), eventKey, signingKey },
    pid: (name) => processes[name].pid,
    isRunning: (name) => supervisor.processes.includes(processes[name]),
    kill: async (name) => {
      process.kill(processes[name].pid, "SIGKILL");
      await processes[name].exited;
    },
    terminate: async (name) => {
      await supervisor.stop(processes[name]);
      return (await processes[name].exited).code;
    },
    start: async (name, extraEnv = {}) => {
      processes[name] = await startService(name, { ...serviceOptions, extraEnv: { ...serviceOptions.extraEnv, ...extraEnv } });
      if (name === "worker") await syncWorker(services.urls.worker);
    },
    stop: () => stores.stop(),
  };
}
