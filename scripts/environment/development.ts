import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { findOnPath } from "./commands.ts";
import { findInngest } from "./inngest-binary.ts";
import { startInngest } from "./inngest.ts";
import { planPorts, type PortPlan } from "./ports.ts";
import { createDatabase, startPostgres, withClient } from "./postgres.ts";
import { messageOf, Problem } from "./problem.ts";
import type { Supervisor } from "./processes.ts";
import { answersPing, checkRedis, startRedis } from "./redis.ts";
import { generateClient, migrate, type ProductSettings, servicePorts, serviceUrl, startServices, urlAs } from "./services.ts";
import { keepSecret, randomHex, redisPrefix, STATE_DIR } from "./state.ts";
import type { Progress, Steps } from "./steps.ts";

export interface DevelopmentOptions {
  readonly steps: Steps;
  readonly supervisor: Supervisor;
  /** The base that somebody asked for; undefined: the default, moved when it is in use. */
  readonly portBase: number | undefined;
  readonly logLevel: string;
}

export interface Development {
  readonly apiUrl: string;
  readonly ingressUrl: string;
  readonly inngestUrl: string;
  /** The owner's. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly settings: ProductSettings;
}

interface Database {
  readonly url: string;
  /** Undefined where Inngest may not have a database of its own. */
  readonly inngestUrl: string | undefined;
  readonly summary: string;
}

const LOG_DIR = join(STATE_DIR, "logs");
const LOCAL_REDIS = "redis://127.0.0.1:6379/0";

const secret = (name: string, make: () => string): string => keepSecret(join(STATE_DIR, name), make);

/** Prepares all stores, migrates, and starts all services, step by step. */
export async function startDevelopment({ steps, supervisor, portBase, logLevel }: DevelopmentOptions): Promise<Development> {
  const ports = await steps.run("Ports", (progress) => planPorts(portBase, progress), (plan) => `${plan.api} to ${plan.inngestRedis}`);
  const database = await steps.run("PostgreSQL", (progress) => prepareDatabase(supervisor, ports, progress), (result) => result.summary);
  const redis = await steps.run("Redis", (progress) => prepareRedis(supervisor, ports, progress), (result) => result.summary);
  const binary = await steps.run("Inngest server: find", findInngest, (file) => file);
  const keys = { signing: secret("inngest-signing-key", () => randomHex(32)), event: secret("inngest-event-key", () => randomHex(16)) };
  const inngest = await steps.run("Inngest server: start", (progress) => prepareInngest({ supervisor, ports, binary, keys, postgresUri: database.inngestUrl, progress }), (result) => result.summary);
  await steps.run("Database client", generateClient);
  const passwords = rolePasswords(database.url);
  await steps.run("Migrations", (progress) => migrate({ databaseUrl: database.url, appPassword: passwords.app, systemPassword: passwords.system, onLine: progress }));
  const settings: ProductSettings = {
    appDatabaseUrl: urlAs(database.url, "fluxo_app", passwords.app),
    systemDatabaseUrl: urlAs(database.url, "fluxo_system", passwords.system),
    redisUrl: redis.url,
    redisPrefix: redisPrefix(),
    inngestUrl: inngest.url,
    inngestEventKey: keys.event,
    inngestSigningKey: keys.signing,
    masterKey: secret("master-key", () => randomBytes(32).toString("base64")),
    publicIngressUrl: serviceUrl(ports.ingress),
    allowedPrivateHosts: (process.env["FLUXO_ALLOWED_PRIVATE_HOSTS"] ?? "").split(",").filter((host) => host !== ""),
    logLevel,
    nodeEnv: "development",
  };
  const services = await steps.run("Services", () => startServices({ supervisor, settings, ports: servicePorts(ports), logDir: LOG_DIR }), (result) => Object.keys(result.urls).join(", "));
  return { apiUrl: services.urls.api, ingressUrl: services.urls.ingress, inngestUrl: inngest.url, databaseUrl: database.url, redisUrl: redis.url, settings };
}

async function prepareDatabase(supervisor: Supervisor, ports: PortPlan, progress: Progress): Promise<Database> {
  const asked = process.env["DATABASE_URL"];
  if (asked !== undefined && asked !== "") return prepareAskedDatabase(asked, progress);
  const server = await startPostgres({ supervisor, dir: join(STATE_DIR, "postgres"), port: ports.postgres, logFile: join(LOG_DIR, "postgres.log"), isDurable: true, progress });
  progress("creating databases");
  await createDatabase(server.urlOf("postgres"), "fluxo");
  await createDatabase(server.urlOf("postgres"), "inngest");
  return { url: server.urlOf("fluxo"), inngestUrl: server.urlOf("inngest"), summary: `embedded, port ${ports.postgres}` };
}

async function prepareAskedDatabase(asked: string, progress: Progress): Promise<Database> {
  progress("connecting to DATABASE_URL");
  let version: string;
  try {
    version = await withClient(asked, async (client) => String((await client.query<{ server_version: string }>("SHOW server_version")).rows[0]?.server_version));
  } catch (error) {
    throw new Problem({
      what: "The PostgreSQL of DATABASE_URL cannot be used.",
      why: messageOf(error),
      todo: "start it, correct DATABASE_URL (postgresql://owner:password@host:port/database), or unset it to use the embedded one.",
    });
  }
  const url = new URL(asked);
  const name = `${decodeURIComponent(url.pathname.slice(1))}_inngest`;
  const inngest = new URL(asked);
  inngest.pathname = `/${encodeURIComponent(name)}`;
  // Inngest's driver takes no other schema options from us; only its TLS mode is kept.
  const sslMode = url.searchParams.get("sslmode");
  inngest.search = sslMode === null ? (["127.0.0.1", "localhost"].includes(url.hostname) ? "?sslmode=disable" : "") : `?sslmode=${sslMode}`;
  const summary = `${version} of DATABASE_URL`;
  try {
    await createDatabase(asked, name);
    return { url: asked, inngestUrl: inngest.href, summary: `${summary}; Inngest in ${name}` };
  } catch (error) {
    return { url: asked, inngestUrl: undefined, summary: `${summary}; Inngest in a file, as ${name} could not be created: ${messageOf(error)}` };
  }
}

async function prepareRedis(supervisor: Supervisor, ports: PortPlan, progress: Progress): Promise<{ readonly url: string; readonly summary: string }> {
  const asked = process.env["REDIS_URL"];
  if (asked !== undefined && asked !== "") {
    await checkRedis(asked);
    return { url: asked, summary: "that of REDIS_URL" };
  }
  if (await answersPing(LOCAL_REDIS)) return { url: LOCAL_REDIS, summary: `the one on 127.0.0.1:6379, keys under ${redisPrefix()}` };
  const server = await startRedis({ supervisor, dir: join(STATE_DIR, "redis"), port: ports.redis, logFile: join(LOG_DIR, "redis.log"), isDurable: true, progress });
  return { url: server.url, summary: `own, port ${ports.redis}` };
}

async function prepareInngest(options: {
  readonly supervisor: Supervisor;
  readonly ports: PortPlan;
  readonly binary: string;
  readonly keys: { readonly signing: string; readonly event: string };
  readonly postgresUri: string | undefined;
  readonly progress: Progress;
}): Promise<{ readonly url: string; readonly summary: string }> {
  const { supervisor, ports, keys, postgresUri, progress } = options;
  const dir = join(STATE_DIR, "inngest");
  let redisUri: string | undefined;
  if (findOnPath("redis-server") !== undefined) {
    progress("starting its Redis");
    const redis = await startRedis({ supervisor, name: "inngest-redis", dir: join(dir, "redis"), port: ports.inngestRedis, logFile: join(LOG_DIR, "inngest-redis.log"), isDurable: true });
    redisUri = redis.url;
  }
  progress("starting");
  const server = await startInngest({
    supervisor, dir,
    binary: options.binary,
    port: ports.inngest,
    connectGatewayPort: ports.inngestConnectGateway,
    gatewayGrpcPort: ports.inngestGatewayGrpc,
    executorGrpcPort: ports.inngestExecutorGrpc,
    ...(postgresUri === undefined ? {} : { postgresUri }),
    ...(redisUri === undefined ? {} : { redisUri }),
    signingKey: keys.signing,
    eventKey: keys.event,
    sdkUrls: [`${serviceUrl(ports.worker)}/api/inngest`],
    logFile: join(LOG_DIR, "inngest.log"),
  });
  return { url: server.url, summary: `port ${ports.inngest}${redisUri === undefined ? ", queue in its memory (there is no redis-server)" : ""}` };
}

/**
 * Passwords of the product's roles: FLUXO_APP_PASSWORD and FLUXO_SYSTEM_PASSWORD where set. Roles belong to the whole server, so on the
 * server of DATABASE_URL they follow from the owner's credentials: two checkouts that share it set the same ones.
 */
function rolePasswords(databaseUrl: string): { readonly app: string; readonly system: string } {
  const isShared = (process.env["DATABASE_URL"] ?? "") !== "";
  const url = new URL(databaseUrl);
  const owner = `${url.username}:${url.password}@${url.host}`;
  const make = (role: string): string => {
    const asked = process.env[`FLUXO_${role.toUpperCase()}_PASSWORD`];
    if (asked !== undefined && asked !== "") return asked;
    return isShared ? createHmac("sha256", owner).update(`fluxo_${role}`).digest("hex") : secret(`${role}-password`, () => randomHex(24));
  };
  return { app: make("app"), system: make("system") };
}
