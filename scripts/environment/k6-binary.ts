import { existsSync } from "node:fs";
import { join } from "node:path";
import { findOnPath, runCommand } from "./commands.ts";
import { buildWithGo, MIN_GO_MINOR, type Say, toolCacheDir } from "./go-tool.ts";
import { messageOf, Problem } from "./problem.ts";
import { childEnv } from "./state.ts";

const VERSION = "1.8.1";

/** Finds k6, the load generator: on the PATH, in the cache outside the tree; else builds it into that cache with Go. @throws Problem */
export async function findK6(say: Say): Promise<string> {
  const cached = join(toolCacheDir("k6", VERSION), "k6");
  const tried: string[] = [];
  for (const [name, file] of [["k6 on the PATH", findOnPath("k6")], [cached, cached]] as const) {
    const reason = file === undefined || !existsSync(file) ? "not there" : await findFault(file);
    if (reason === undefined && file !== undefined) return file;
    tried.push(`${name}: ${reason}`);
  }
  const reason = await build(cached, say);
  if (reason === undefined) return cached;
  tried.push(`a build with Go: ${reason}`);
  throw new Problem({
    what: "k6 was not found and could not be built.",
    why: tried.join("\n"),
    todo: `install Go 1.${MIN_GO_MINOR} or newer (https://go.dev/dl) and type the same command again, or put the binary "k6" ${VERSION} of https://github.com/grafana/k6/releases on the PATH.`,
  });
}

/** Why a file is not a usable k6; undefined when it is one. Scripts in TypeScript need version 1. */
async function findFault(file: string): Promise<string | undefined> {
  try {
    const result = await runCommand({ command: file, args: ["version"], env: childEnv(), timeoutMs: 30_000 });
    if (result.code !== 0) return `"version" ended with code ${result.code}: ${result.output.trim().slice(-300)}`;
    const major = /\bv(\d+)\.\d+/.exec(result.stdout)?.[1];
    return major === "1" ? undefined : `it is ${result.stdout.trim()}; version 1 is needed`;
  } catch (error) {
    return messageOf(error);
  }
}

function build(target: string, say: Say): Promise<string | undefined> {
  return buildWithGo({
    title: "k6",
    target,
    toolchain: "auto",
    duration: "2 to 5 minutes",
    say,
    make: async (dir, go) => {
      await go("preparing", "mod", "init", "fluxo.local/k6");
      await go("downloading the sources", "get", `go.k6.io/k6@v${VERSION}`);
      await go("compiling", "build", "-o", "k6", "go.k6.io/k6");
      return join(dir, "k6");
    },
  });
}
