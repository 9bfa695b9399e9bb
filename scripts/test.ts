import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOnPath, runCommand, stopCommands } from "./environment/commands.ts";
import { watchInterruptions } from "./environment/interruption.ts";
import { readOptions } from "./environment/options.ts";
import { messageOf } from "./environment/problem.ts";
import { generateClient } from "./environment/services.ts";
import { readJson, ROOT } from "./environment/state.ts";
import { formatElapsed } from "./environment/steps.ts";

interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

interface Outcome extends Counts {
  /** All that the check printed; shown when something failed. */
  readonly output: string;
}

interface Check {
  readonly name: string;
  readonly title: string;
  readonly run: (onLine: (line: string) => void) => Promise<Outcome>;
}

/** The part of vitest's JSON report that is summed up. */
interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

const isTty = process.stdout.isTTY;
const REMINDER_INTERVAL_MS = 30_000;
const reportDir = mkdtempSync(join(tmpdir(), "fluxo-test-"));

/** npm as a command and its first arguments: the one that runs this, else the one on the PATH. */
function npmCommand(): readonly [string, ...string[]] {
  const script = process.env["npm_execpath"];
  return script !== undefined && /npm-cli\.[cm]?js$/.test(script) ? [process.execPath, script] : [findOnPath("npm") ?? "npm"];
}

function lintCheck(name: string, title: string): Check {
  return {
    name,
    title,
    async run(onLine) {
      const [command, ...args] = npmCommand();
      const result = await runCommand({ command, args: [...args, "run", "--silent", name], cwd: ROOT, onLine });
      return { passed: result.code === 0 ? 1 : 0, failed: result.code === 0 ? 0 : 1, skipped: 0, output: result.output };
    },
  };
}

function vitestCheck(name: string, title: string): Check {
  return {
    name,
    title,
    async run(onLine) {
      const file = join(reportDir, `${name}.json`);
      const vitest = join(ROOT, "node_modules", "vitest", "vitest.mjs");
      const args = [vitest, "run", "--project", name, "--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
      const result = await runCommand({ command: process.execPath, args, cwd: ROOT, env: { ...process.env, NODE_ENV: "test" }, onLine });
      const report = readJson<VitestReport>(file);
      const failed = report?.numFailedTests ?? 0;
      return {
        passed: report?.numPassedTests ?? 0,
        // A file that does not load, a setup or an unhandled error fails vitest without a failed test: it counts as one.
        failed: result.code === 0 ? failed : Math.max(failed, 1),
        skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
        output: result.output,
      };
    },
  };
}

const CHECKS: readonly Check[] = [
  {
    name: "generate",
    title: "Database client",
    async run(onLine) {
      await generateClient(onLine);
      return { passed: 1, failed: 0, skipped: 0, output: "" };
    },
  },
  lintCheck("lint:types", "Types (tsc)"),
  lintCheck("lint:code", "Code rules (oxlint)"),
  lintCheck("lint:imports", "Import direction and cycles (dependency-cruiser)"),
  lintCheck("lint:unused", "Unused code (knip)"),
  lintCheck("lint:words", "Vocabulary (cspell)"),
  vitestCheck("unit", "Unit tests"),
  vitestCheck("store", "Tests against PostgreSQL and Redis"),
  vitestCheck("e2e", "End-to-end tests"),
];

const HELP = `npm test: runs every check and every test; exit code 0 only if all passed.

  npm test                              everything
  npm test -- --only unit               one part; may be repeated
  npm test -- --help                    this text

Parts: ${CHECKS.map((check) => check.name).join(", ")}
The tests start a PostgreSQL, a Redis and an Inngest server of their own on free ports; nothing else on this machine is touched.
The last line sums up: each test and each other check counts as one.
`;

/** Runs one check with a line that shows it is at work, then its result; a failure is printed in full. */
async function runCheck(check: Check): Promise<Counts> {
  const startedAt = performance.now();
  const elapsed = (): string => formatElapsed(performance.now() - startedAt);
  let latest = "";
  const show = (): void => {
    const line = `… ${check.title} (${elapsed()}) ${latest}`;
    process.stdout.write(isTty ? `\r\u001b[2K${line.slice(0, (process.stdout.columns || 80) - 1)}` : `${line.slice(0, 120)}\n`);
  };
  const timer = setInterval(show, isTty ? 200 : REMINDER_INTERVAL_MS);
  const outcome = await check.run((line) => (latest = line)).catch((error: unknown): Outcome => ({ passed: 0, failed: 1, skipped: 0, output: messageOf(error) }));
  clearInterval(timer);
  const { passed, failed, skipped } = outcome;
  const counts = passed + failed + skipped === 1 ? "" : `: ${passed} passed${failed > 0 ? `, ${failed} failed` : ""}${skipped > 0 ? `, ${skipped} skipped` : ""}`;
  process.stdout.write(`${isTty ? "\r\u001b[2K" : ""}${failed === 0 ? "✔" : "✖"} ${check.title}${counts} (${elapsed()})\n`);
  if (failed > 0) process.stdout.write(`\n${outcome.output.trimEnd()}\n\n`);
  return outcome;
}

const values = readOptions({ only: { type: "string", multiple: true }, help: { type: "boolean", short: "h" } }, HELP);
const only = (values.only ?? []).flatMap((text) => text.split(","));
const unknown = only.filter((name) => !CHECKS.some((check) => check.name === name));
if (values.help === true) {
  process.stdout.write(HELP);
} else if (unknown.length > 0) {
  process.stderr.write(`There is no part ${unknown.join(", ")}.\n\n${HELP}`);
  process.exitCode = 2;
} else {
  // The commands end their own children; what a killed test leaves is ended by its watchdog.
  watchInterruptions({ onStop: () => (stopCommands(), process.exit(130)), onForce: () => process.exit(130) });
  // The database client is needed by every other part.
  const chosen = only.length === 0 ? CHECKS : CHECKS.filter((check) => check.name === "generate" || only.includes(check.name));
  let total: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const check of chosen) {
    const counts = await runCheck(check);
    total = { passed: total.passed + counts.passed, failed: total.failed + counts.failed, skipped: total.skipped + counts.skipped };
  }
  process.exitCode = total.failed > 0 ? 1 : 0;
  process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
}
rmSync(reportDir, { recursive: true, force: true });
