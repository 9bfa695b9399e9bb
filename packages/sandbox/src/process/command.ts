import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = resolve(import.meta.dirname, "..");
const MAIN = join(SOURCE, "child/main.ts");
const require = createRequire(import.meta.url);

/** What V8 may use for its own objects: the texts that go in and out. The memory of QuickJS is outside of it and has its own limit. Mebibytes. */
export const HEAP_MEBIBYTES = 96;

/** The environment of a child: nothing of the parent's. Dates are in UTC wherever the worker runs. */
export const CHILD_ENVIRONMENT: Readonly<Record<string, string>> = { TZ: "UTC" };

/**
 * The arguments with which Node starts a child: no file but the modules of the sandbox can be read and none written, no process, thread, add-on or
 * inspector started, no text turned into code.
 */
export function childArguments(engineBytes: number): readonly string[] {
  return [...childFlags(), MAIN, String(engineBytes)];
}

/** Of these, what Node itself is told. */
export function childFlags(): readonly string[] {
  const modules = ["child/*", "limits.ts", "protocol.ts", "../package.json"].map((path) => join(SOURCE, path));
  const readable = [...modules, ...libraryFolders().map((folder) => join(folder, "*"))];
  return [
    "--permission",
    ...readable.map((path) => `--allow-fs-read=${path}`),
    "--disallow-code-generation-from-strings",
    "--disable-proto=delete",
    "--disable-sigusr1",
    "--no-addons",
    "--no-deprecation",
    "--no-warnings",
    `--max-old-space-size=${HEAP_MEBIBYTES}`,
  ];
}

/** The folders of the libraries that the child loads, wherever they are installed. */
function libraryFolders(): readonly string[] {
  const variant = fileURLToPath(import.meta.resolve("@jitl/quickjs-ng-wasmfile-release-sync/wasm"));
  const entries = [
    fileURLToPath(import.meta.resolve("quickjs-emscripten-core")),
    variant,
    createRequire(variant).resolve("@jitl/quickjs-ffi-types"),
    require.resolve("jsonata/jsonata.min.js"),
  ];
  return entries.map((entry) => (basename(dirname(entry)) === "dist" ? dirname(dirname(entry)) : dirname(entry)));
}
