import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const registry = readFileSync(join(import.meta.dirname, "registry.ts"), "utf8");
const catalog = readFileSync(join(import.meta.dirname, "catalog.ts"), "utf8");

/** One change to a copy of the sources, and what the compiler has to say to it. */
interface Mistake {
  readonly name: string;
  readonly registry?: (source: string) => string;
  readonly catalog?: (source: string) => string;
  readonly says: RegExp;
}

const MISTAKES: readonly Mistake[] = [
  { name: "missing-executor", registry: (source) => replaced(source, "  stop: executeStop,\n", ""), says: /error TS2741: Property 'stop' is missing/ },
  {
    name: "executor-without-type",
    registry: (source) => replaced(source, "  stop: executeStop,\n", '  stop: executeStop,\n  "stop.twice": executeStop,\n'),
    says: /error TS2353: .*'"stop\.twice"' does not exist in type 'Executors'/,
  },
  {
    name: "type-without-executor",
    catalog: (source) => replaced(source, "  stop,\n", '  stop,\n  "stop.twice": stop,\n'),
    says: /error TS2741: Property '"stop\.twice"' is missing/,
  },
  { name: "removed-type", catalog: (source) => replaced(source, "  stop,\n", ""), says: /error TS2353: .*'stop' does not exist in type 'Executors'/ },
  {
    name: "swapped-executors",
    registry: (source) => replaced(source, "  delay: executeDelay,", "  delay: executeHttpRequest,"),
    says: /error TS2322: Type 'NodeExecutor<.*' is not assignable to type 'NodeExecutor</,
  },
];

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "fluxo-registry-types-"));
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"), "dir");
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Writes the two sources as a program of its own beside the rest of the package, compiles it and gives the diagnostics. */
function diagnosticsOf(name: string, registrySource: string, catalogSource: string): { readonly status: number | null; readonly text: string } {
  const elsewhere = (source: string): string => source.replaceAll(/from "\.\/(?!catalog\.ts)/g, `from "${import.meta.dirname}/`);
  const local = (source: string): string => elsewhere(source).replaceAll('"./catalog.ts"', `"./${name}.catalog.ts"`);
  writeFileSync(join(directory, `${name}.registry.ts`), local(registrySource));
  writeFileSync(join(directory, `${name}.catalog.ts`), elsewhere(catalogSource));
  const config = { extends: join(root, "tsconfig.json"), compilerOptions: { typeRoots: [join(root, "node_modules/@types")] }, include: [], files: [`${name}.registry.ts`] };
  writeFileSync(join(directory, `${name}.json`), JSON.stringify(config));
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", join(directory, `${name}.json`)], {
    encoding: "utf8",
  });
  return { status, text: stdout + stderr };
}

function replaced(source: string, part: string, replacement: string): string {
  expect(source.split(part)).toHaveLength(2);
  return source.replace(part, replacement);
}

describe("the registry is complete by construction", { timeout: 60_000 }, () => {
  test("it compiles as it is", () => {
    expect(diagnosticsOf("as-it-is", registry, catalog)).toEqual({ status: 0, text: "" });
  });

  test.each(MISTAKES)("it does not compile with this mistake: $name", (mistake) => {
    const { status, text } = diagnosticsOf(mistake.name, mistake.registry?.(registry) ?? registry, mistake.catalog?.(catalog) ?? catalog);
    expect(status).not.toBe(0);
    expect(text).toMatch(mistake.says);
    expect(text).not.toMatch(/error TS(?:2307|5\d{3}|6\d{3}|18003)/);
  });
});
