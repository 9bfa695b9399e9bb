import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { findOnPath, runCommand } from "./commands.ts";
import { buildWithGo, MIN_GO_MINOR, type Say, toolCacheDir } from "./go-tool.ts";
import { messageOf, Problem } from "./problem.ts";
import { childEnv } from "./state.ts";

const VERSION = "1.44.0";
const MODULE = "github.com/inngest/inngest";
/** The replacement that Inngest's own go.mod makes; a `replace` does not reach the modules that depend on it. */
const REPLACED = "github.com/tencentcloud/tencentcloud-sdk-go@v3.0.82+incompatible=github.com/tencentcloud/tencentcloud-sdk-go@v1.0.191";
/** A folder that the sources embed but that the module does not ship. */
const MISSING_FOLDER = "vendor/github.com/inngest/inngest/internal/embeddocs/website/pages/docs";
/** A Go that is too old fetches the toolchain that Inngest asks for. */
const TOOLCHAIN = "go1.26.4+auto";

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
  const cached = join(toolCacheDir("inngest", VERSION), "inngest");
  const tried = ["FLUXO_INNGEST_BIN: not set"];
  const candidates = [["inngest on the PATH", findOnPath("inngest")], ["npm package inngest-cli", findInPackage()], [cached, cached]] as const;
  for (const [name, file] of candidates) {
    const reason = file === undefined || !existsSync(file) ? "not there" : await findFault(file);
    if (reason === undefined && file !== undefined) return file;
    tried.push(`${name}: ${reason}`);
  }
  const reason = await build(cached, say);
  if (reason === undefined) return cached;
  tried.push(`a build with Go: ${reason}`);
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

function build(target: string, say: Say): Promise<string | undefined> {
  return buildWithGo({
    title: "the Inngest server",
    target,
    toolchain: TOOLCHAIN,
    duration: "5 to 10 minutes",
    say,
    make: async (dir, go) => {
      await go("preparing", "mod", "init", "fluxo.local/inngest");
      await go("preparing", "mod", "edit", "-replace", REPLACED);
      await go("downloading the sources", "get", "-tool", `${MODULE}/cmd@v${VERSION}`);
      await go("gathering the sources", "mod", "vendor", "-e");
      mkdirSync(join(dir, MISSING_FOLDER), { recursive: true });
      writeFileSync(join(dir, MISSING_FOLDER, "README.md"), "Placeholder.\n");
      await go("compiling", "build", "-mod=vendor", "-o", "inngest", `${MODULE}/cmd`);
      return join(dir, "inngest");
    },
  });
}
