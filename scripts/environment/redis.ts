import { mkdirSync } from "node:fs";
import { findOnPath, mayInstallWithApt, runCommand, runOrFail } from "./commands.ts";
import { messageOf, Problem } from "./problem.ts";
import { type ManagedProcess, type Supervisor, waitUntil } from "./processes.ts";
import { pingRedis } from "./redis-client.ts";
import { childEnv } from "./state.ts";

export interface RedisServer {
  readonly url: string;
  readonly process: ManagedProcess;
}

export interface RedisOptions {
  readonly supervisor: Supervisor;
  readonly dir: string;
  readonly port: number;
  readonly logFile: string;
  /** The name under which it is listed; `redis` unless said. */
  readonly name?: string;
  /** Whether its data survive a stop. */
  readonly isDurable: boolean;
  readonly progress?: (text: string) => void;
}

const START_TIMEOUT_MS = 20_000;

/** Starts a Redis of our own, on 127.0.0.1. Throws a Problem when there is no `redis-server` and none may be installed. */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const command = await findRedisServer(options.progress);
  mkdirSync(options.dir, { recursive: true });
  const url = `redis://127.0.0.1:${options.port}/0`;
  const managed = await options.supervisor.start({
    name: options.name ?? "redis",
    command,
    args: [
      "--port", String(options.port), "--bind", "127.0.0.1", "--dir", options.dir, "--daemonize", "no", "--save", "",
      "--appendonly", options.isDurable ? "yes" : "no", "--maxmemory-policy", "noeviction",
    ],
    env: childEnv(),
    logFile: options.logFile,
  });
  await waitUntil(managed, START_TIMEOUT_MS, () => pingRedis(url));
  return { url, process: managed };
}

/** Whether a Redis that lets us in answers at `url`. */
export async function answersPing(url: string): Promise<boolean> {
  return pingRedis(url).catch(() => false);
}

/** Checks the Redis that somebody asked for; a Problem says why it cannot be used. */
export async function checkRedis(url: string): Promise<void> {
  try {
    await pingRedis(url);
  } catch (error) {
    throw new Problem({
      what: "The Redis of REDIS_URL cannot be used.",
      why: messageOf(error),
      todo: "start it, correct REDIS_URL (redis://user:password@host:port/0), or unset it to use one of Fluxo's own.",
    });
  }
}

/** The full path of `redis-server`; as root on Debian it is installed when it is missing. */
async function findRedisServer(progress: ((text: string) => void) | undefined): Promise<string> {
  const found = findOnPath("redis-server");
  if (found !== undefined) return found;
  if (mayInstallWithApt()) {
    progress?.("there is no redis-server: installing it with apt-get install redis-server");
    await installRedis(progress);
    const installed = findOnPath("redis-server");
    if (installed !== undefined) return installed;
  }
  throw new Problem({
    what: "Redis is missing.",
    why: "REDIS_URL is not set, no usable Redis answers on 127.0.0.1:6379, and there is no redis-server on the PATH.",
    todo: "install it (Debian, Ubuntu: sudo apt-get install redis-server; Fedora: sudo dnf install redis; macOS: brew install redis), or set REDIS_URL.",
  });
}

async function installRedis(progress: ((text: string) => void) | undefined): Promise<void> {
  const env = childEnv({ DEBIAN_FRONTEND: "noninteractive" });
  const onLine = (line: string): void => progress?.(line.slice(0, 100));
  const told = { what: "redis-server could not be installed with apt.", todo: "install it yourself (apt-get install redis-server), or set REDIS_URL." };
  await runOrFail({ command: "apt-get", args: ["update"], env, onLine }, told);
  await runOrFail({ command: "apt-get", args: ["install", "-y", "--no-install-recommends", "redis-server"], env, onLine }, told);
  // The package starts a service on 6379; Fluxo runs the program itself, so the service is not left behind.
  for (const [command, ...args] of [["systemctl", "disable", "--now", "redis-server"], ["service", "redis-server", "stop"]] as const) {
    if (findOnPath(command) !== undefined) await runCommand({ command, args, env, timeoutMs: 30_000 }).catch(() => undefined);
  }
}
