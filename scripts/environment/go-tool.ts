import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findOnPath, runCommand, runOrFail } from "./commands.ts";
import { messageOf, Problem } from "./problem.ts";
import { isRunning, readStartToken } from "./process-identity.ts";
import { childEnv } from "./state.ts";

/** Learns what was found unusable and how a build goes. */
export type Say = (text: string) => void;

/** Go of this minor version and later fetches the toolchain that a module asks for. */
export const MIN_GO_MINOR = 21;

export interface GoBuild {
  /** What people call it; for messages. */
  readonly title: string;
  /** Where the binary is to appear. */
  readonly target: string;
  /** GOTOOLCHAIN of the build: `auto` fetches a newer Go where a module asks for one, `go1.26.4+auto` one that is at least this. */
  readonly toolchain: string;
  /** How long it takes, in words. */
  readonly duration: string;
  readonly say: Say;
  /** Makes the binary in the empty folder `dir`. @returns its file */
  readonly make: (dir: string, go: (doing: string, ...args: readonly string[]) => Promise<unknown>) => Promise<string>;
}

/** Where a tool of this version is kept, outside of the tree: all checkouts share it. */
export function toolCacheDir(name: string, version: string): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "fluxo", name, `v${version}`);
}

/** Builds a tool into the cache, once. @returns why it could not be; undefined when it is there */
export async function buildWithGo(options: GoBuild): Promise<string | undefined> {
  const go = await findGo();
  if (go.command === undefined) return go.reason;
  try {
    await build(go.command, options);
    return undefined;
  } catch (error) {
    return error instanceof Problem ? error.why : messageOf(error);
  }
}

async function findGo(): Promise<{ readonly command?: string; readonly reason: string }> {
  const command = findOnPath("go") ?? ["/usr/local/go/bin/go", "/usr/lib/go/bin/go"].find((file) => existsSync(file));
  if (command === undefined) return { reason: "Go is not installed" };
  const { stdout } = await runCommand({ command, args: ["env", "GOVERSION"], cwd: "/", env: goEnv("local") });
  const minor = Number(/go1\.(\d+)/.exec(stdout)?.[1] ?? 0);
  return minor >= MIN_GO_MINOR ? { command, reason: "" } : { reason: `${stdout.trim() || "this Go"} is older than 1.${MIN_GO_MINOR}` };
}

function goEnv(toolchain: string): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => /^(GOPROXY|GOSUMDB|GONOSUMDB|GOPRIVATE|GOPATH|GOMODCACHE|GOCACHE|GOMAXPROCS)$/.test(name));
  return { ...childEnv(), ...Object.fromEntries(own), GOTOOLCHAIN: toolchain, GOFLAGS: "", GOWORK: "off" };
}

/** Whoever comes second waits for the first; the binary appears whole, by a rename. */
async function build(command: string, { title, target, toolchain, duration, say, make }: GoBuild): Promise<void> {
  const dir = dirname(target);
  mkdirSync(dir, { recursive: true });
  const lock = join(dir, "build.lock");
  await takeLock(lock, say);
  const work = mkdtempSync(join(dir, "build-"));
  try {
    if (existsSync(target)) return; // built by the one we waited for
    const made = await make(work, (doing, ...args) => {
      say(`build: ${doing} (once; ${duration} in all)`);
      return runOrFail({ command, args, cwd: work, env: goEnv(toolchain) }, { what: `The build of ${title} stopped at: ${doing}.`, todo: "see above." });
    });
    chmodSync(made, 0o755);
    renameSync(made, target);
  } finally {
    rmSync(work, { recursive: true, force: true });
    rmSync(lock, { force: true });
  }
}

async function takeLock(lock: string, say: Say): Promise<void> {
  for (;;) {
    try {
      writeFileSync(lock, JSON.stringify({ pid: process.pid, token: readStartToken(process.pid) }), { flag: "wx" });
      return;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    }
    const holder = readHolder(lock);
    if (holder !== undefined && isRunning(holder)) {
      say(`waiting for the build that another command (pid ${holder.pid}) has under way`);
      await sleep(1000);
    } else if (holder !== undefined || (await isOld(lock))) {
      rmSync(lock, { force: true });
    }
  }
}

/** A lock that holds nothing readable is being written right now, or its writer died: one second tells. */
async function isOld(lock: string): Promise<boolean> {
  await sleep(1000);
  return existsSync(lock) && readHolder(lock) === undefined;
}

function readHolder(lock: string): { readonly pid: number; readonly token: string } | undefined {
  try {
    return JSON.parse(readFileSync(lock, "utf8")) as { pid: number; token: string };
  } catch {
    return undefined;
  }
}
