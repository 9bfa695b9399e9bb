import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findOnPath, runCommand, runOrFail } from "./commands.ts";
import { messageOf, Problem } from "./problem.ts";
import { isRunning, readStartToken } from "./process-identity.ts";
import { childEnv } from "./state.ts";

type Say = (text: string) => void;

const VERSION = "1.44.0";
const MODULE = "github.com/inngest/inngest";
/** The replacement that Inngest's own go.mod makes; a `replace` does not reach the modules that depend on it. */
const REPLACED = "github.com/tencentcloud/tencentcloud-sdk-go@v3.0.82+incompatible=github.com/tencentcloud/tencentcloud-sdk-go@v1.0.191";
/** A folder that the sources embed but that the module does not ship. */
const MISSING_FOLDER = "vendor/github.com/inngest/inngest/internal/embeddocs/website/pages/docs";
/** Go of this minor version and later fetches the toolchain that a module asks for. */
const MIN_GO_MINOR = 21;
const TOOLCHAIN = "1.26.4";

function cacheDir(): string {
  const base = process.env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "fluxo", "inngest", `v${VERSION}`);
}

/**
 * Finds the Inngest server: FLUXO_INNGEST_BIN, `inngest` on the PATH, the npm package, the cache outside the tree; else builds it
 * into that cache with Go. `say` learns what was found unusable and how a build goes. Throws a Problem that names all of these.
 */
export async function findInngest(say: Say): Promise<string> {
  const asked = process.env["FLUXO_INNGEST_BIN"];
  if (asked !== undefined && asked !== "") {
    const reason = await findFault(asked);
    if (reason === undefined) return asked;
    throw new Problem({ what: "The Inngest server of FLUXO_INNGEST_BIN cannot be used.", why: `${asked}: ${reason}`, todo: "correct FLUXO_INNGEST_BIN, or unset it." });
  }
  const cached = join(cacheDir(), "inngest");
  const tried = ["FLUXO_INNGEST_BIN: not set"];
  const candidates = [["inngest on the PATH", findOnPath("inngest")], ["npm package inngest-cli", findInPackage()], [cached, cached]] as const;
  for (const [name, file] of candidates) {
    const reason = file === undefined || !existsSync(file) ? "not there" : await findFault(file);
    if (reason === undefined && file !== undefined) return file;
    tried.push(`${name}: ${reason}`);
  }
  const go = await findGo();
  if (go.command === undefined) tried.push(`a build with Go: ${go.reason}`);
  else {
    try {
      await build(go.command, cached, say);
      return cached;
    } catch (error) {
      tried.push(`a build with Go: ${error instanceof Problem ? error.why : messageOf(error)}`);
    }
  }
  throw new Problem({
    what: "The Inngest server was not found and could not be built.",
    why: tried.join("\n"),
    todo: [
      "one of these:",
      `- install Go 1.${MIN_GO_MINOR} or newer (https://go.dev/dl; Debian 13, Ubuntu 24.04: apt-get install golang-go) and type the same command again: it builds the server once;`,
      `- put the binary "inngest" ${VERSION} of https://github.com/inngest/inngest/releases on the PATH, or name it in FLUXO_INNGEST_BIN;`,
      "- let npm reach the download host of the package inngest-cli, then: rm -rf node_modules.",
    ].join("\n"),
  });
}

/** Why a file is not a usable Inngest server; undefined when it is one. A build of our own calls itself "dev". */
async function findFault(file: string): Promise<string | undefined> {
  try {
    const result = await runCommand({ command: file, args: ["version"], env: childEnv(), timeoutMs: 30_000 });
    if (result.code !== 0) return `"version" ended with code ${result.code}: ${result.output.trim().slice(-300)}`;
    const major = /^(\d+)\.\d+/m.exec(result.stdout)?.[1];
    return major === undefined || major === "1" ? undefined : `it is version ${result.stdout.trim()}; 1.x is needed`;
  } catch (error) {
    return messageOf(error);
  }
}

function findInPackage(): string | undefined {
  try {
    const manifest = createRequire(import.meta.url).resolve("inngest-cli/package.json");
    return join(dirname(manifest), "bin", process.platform === "win32" ? "inngest.exe" : "inngest");
  } catch {
    return undefined;
  }
}

async function findGo(): Promise<{ readonly command?: string; readonly reason: string }> {
  const command = findOnPath("go") ?? ["/usr/local/go/bin/go", "/usr/lib/go/bin/go"].find((file) => existsSync(file));
  if (command === undefined) return { reason: "Go is not installed" };
  const { stdout } = await runCommand({ command, args: ["env", "GOVERSION"], cwd: "/", env: goEnv("local") });
  const minor = Number(/go1\.(\d+)/.exec(stdout)?.[1] ?? 0);
  return minor >= MIN_GO_MINOR ? { command, reason: "" } : { reason: `${stdout.trim() || "this Go"} is older than 1.${MIN_GO_MINOR}` };
}

/** A Go that is too old fetches the toolchain that Inngest asks for. */
function goEnv(toolchain: "local" | "auto"): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => /^(GOPROXY|GOSUMDB|GONOSUMDB|GOPRIVATE|GOPATH|GOMODCACHE|GOCACHE|GOMAXPROCS)$/.test(name));
  return { ...childEnv(), ...Object.fromEntries(own), GOTOOLCHAIN: toolchain === "auto" ? `go${TOOLCHAIN}+auto` : "local", GOFLAGS: "", GOWORK: "off" };
}

/** Builds the server into the cache. Whoever comes second waits for the first; the binary appears whole, by a rename. */
async function build(go: string, target: string, say: Say): Promise<void> {
  const dir = dirname(target);
  mkdirSync(dir, { recursive: true });
  const lock = join(dir, "build.lock");
  await takeLock(lock, say);
  const work = mkdtempSync(join(dir, "build-"));
  try {
    if (existsSync(target)) return; // built by the one we waited for
    const run = (doing: string, ...args: readonly string[]): Promise<unknown> => {
      say(`${doing} (once; 5 to 10 minutes in all)`);
      return runOrFail({ command: go, args, cwd: work, env: goEnv("auto") }, { what: `The build of the Inngest server stopped at: ${doing}.`, todo: "see above." });
    };
    await run("build: preparing", "mod", "init", "fluxo.local/inngest");
    await run("build: preparing", "mod", "edit", "-replace", REPLACED);
    await run("build: downloading the sources", "get", "-tool", `${MODULE}/cmd@v${VERSION}`);
    await run("build: gathering the sources", "mod", "vendor", "-e");
    mkdirSync(join(work, MISSING_FOLDER), { recursive: true });
    writeFileSync(join(work, MISSING_FOLDER, "README.md"), "Placeholder.\n");
    await run("build: compiling", "build", "-mod=vendor", "-o", "inngest", `${MODULE}/cmd`);
    chmodSync(join(work, "inngest"), 0o755);
    renameSync(join(work, "inngest"), target);
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
