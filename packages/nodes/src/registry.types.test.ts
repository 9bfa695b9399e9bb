import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const registry = readFileSync(join(import.meta.dirname, "registry.ts"), "utf8");
const catalog = readFileSync(join(import.meta.dirname, "catalog.ts"), "utf8");

/** Copies of the two sources with one change, and the only diagnostic that the compiler may have about them. */
interface Program {
  readonly name: string;
  readonly registry: string;
  readonly catalog: string;
  readonly says: RegExp;
}

const MISTAKES: readonly Program[] = [
  {
    name: "missing-executor",
    registry: replaced(registry, "  stop: executeStop,\n", ""),
    catalog,
    says: /error TS2741: Property 'stop' is missing in type .* but required in type 'Executors'/,
  },
  {
    name: "executor-without-type",
    registry: replaced(registry, "  stop: executeStop,\n", '  stop: executeStop,\n  "stop.twice": executeStop,\n'),
    catalog,
    says: /error TS2353: .*'"stop\.twice"' does not exist in type 'Executors'/,
  },
  {
    name: "type-without-executor",
    registry,
    catalog: replaced(catalog, "  stop,\n", '  stop,\n  "stop.twice": stop,\n'),
    says: /error TS2741: Property '"stop\.twice"' is missing in type .* but required in type 'Executors'/,
  },
  {
    name: "removed-type",
    registry,
    catalog: replaced(catalog, "  stop,\n", ""),
    says: /error TS2353: .*'stop' does not exist in type 'Executors'/,
  },
  {
    name: "swapped-executors",
    registry: replaced(registry, "  delay: executeDelay,", "  delay: executeHttpRequest,"),
    catalog,
    says: /error TS2322: Type 'NodeExecutor<.*' is not assignable to type 'NodeExecutor</,
  },
];

const UNCHANGED = { name: "unchanged", registry, catalog };

/** Compiles the copies, all at once, beside the rest of the package: one line per diagnostic. */
function compile(programs: readonly Omit<Program, "says">[]): { readonly status: number | null; readonly diagnostics: readonly string[] } {
  const directory = mkdtempSync(join(tmpdir(), "fluxo-registry-types-"));
  try {
    const write = (name: string, text: string): void => {
      writeFileSync(join(directory, name), text);
    };
    for (const program of programs) {
      write(`${program.name}.registry.ts`, elsewhere(program.registry).replaceAll('"./catalog.ts"', `"./${program.name}.catalog.ts"`));
      write(`${program.name}.catalog.ts`, elsewhere(program.catalog));
    }
    symlinkSync(join(root, "node_modules"), join(directory, "node_modules"), "dir");
    write("package.json", '{ "type": "module" }');
    // An import that a change leaves unused is not what is looked for.
    const compilerOptions = { typeRoots: [join(root, "node_modules/@types")], noUnusedLocals: false };
    const files = programs.map(({ name }) => `${name}.registry.ts`);
    write("tsconfig.json", JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files }));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, "--noEmit", "--pretty", "false", "-p", directory], { encoding: "utf8" });
    return { status, diagnostics: (stdout + stderr).split("\n").filter((line) => line.includes("error TS")) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The source with its imports, except for that of the catalog, led back to this folder. */
function elsewhere(source: string): string {
  return source.replaceAll(/from "\.\/(?!catalog\.ts)/g, `from "${import.meta.dirname}/`);
}

function replaced(source: string, part: string, replacement: string): string {
  if (source.split(part).length !== 2) {
    throw new RangeError(`The source should hold ${JSON.stringify(part)} once.`);
  }
  return source.replace(part, replacement);
}

describe("the registry is complete by construction", () => {
  let result: ReturnType<typeof compile>;
  beforeAll(() => {
    result = compile([UNCHANGED, ...MISTAKES]);
  }, 120_000);

  test("the compiler judged it", () => {
    expect(result.status).toBeGreaterThan(0);
    expect(result.diagnostics.length).toBe(MISTAKES.length);
  });

  test("it compiles as it is", () => {
    expect(result.diagnostics.filter((line) => line.includes("unchanged."))).toEqual([]);
  });

  test.each(MISTAKES)("it does not compile with this mistake: $name", ({ name, says }) => {
    const diagnostics = result.diagnostics.filter((line) => line.includes(`${name}.registry.ts(`));
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics.join("")).toMatch(says);
  });
});
