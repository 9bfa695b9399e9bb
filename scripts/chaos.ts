import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { FAULTS } from "../test/chaos/faults/catalog.ts";
import { History } from "../test/chaos/history.ts";
import { seededRandom } from "../test/chaos/random.ts";
import { type FaultResult, RECOVERY_MS_MAX, startChaos } from "../test/chaos/run.ts";
import { stopCommands } from "./environment/commands.ts";
import { watchInterruptions } from "./environment/interruption.ts";
import { readOptions } from "./environment/options.ts";
import { messageOf } from "./environment/problem.ts";
import { generateClient } from "./environment/services.ts";
import { STATE_DIR } from "./environment/state.ts";
import { formatElapsed } from "./environment/steps.ts";

const DEFAULTS = { events: 100, absenceMs: 60_000, quickAbsenceMs: 15_000 } as const;

const HELP = `npm run test:chaos: breaks every part of a running Fluxo under load and proves that nothing accepted is lost or done twice.

  npm run test:chaos                              all faults
  npm run test:chaos -- --only no-worker          one fault, or several: --only a,b
  npm run test:chaos -- --seed 7                  the choices of another run again
  npm run test:chaos -- --events 500              deliveries per fault (${DEFAULTS.events} unless said)
  npm run test:chaos -- --quick                   parts stay away for ${DEFAULTS.quickAbsenceMs / 1000} s instead of ${DEFAULTS.absenceMs / 1000} s
  npm run test:chaos -- --recovery-max 45         a slow machine: everything may take so many seconds to end (${RECOVERY_MS_MAX / 1000} unless said, which is the goal)
  npm run test:chaos -- --lane durable            executions start by the relay and Inngest in every fault; or fast (each fault has its own unless said)
  npm run test:chaos -- --json FILE               rows { fault, events, lost, duplicated, recoveryMs, … }
  npm run test:chaos -- --keep DIR                where the history and the logs go (.fluxo/chaos/<time> unless said)
  npm run test:chaos -- --help                    this text

Faults
${FAULTS.map(({ name, description }) => `  ${name.padEnd(41)}${description}`).join("\n")}

It starts a PostgreSQL, two Redis, an Inngest server and all services of its own on free ports; nothing else on this machine is touched.
A fault passes when nothing is lost, nothing is duplicated, every invariant holds and everything accepted ends within ${RECOVERY_MS_MAX / 1000} s (or --recovery-max)
after the faulted part is back. Exit code 0 only if all passed. See docs/chaos.md.
`;

const values = readOptions(
  {
    seed: { type: "string" }, only: { type: "string", multiple: true }, events: { type: "string" }, json: { type: "string" }, keep: { type: "string" }, lane: { type: "string" },
    "recovery-max": { type: "string" }, quick: { type: "boolean" }, help: { type: "boolean", short: "h" },
  },
  HELP,
);

/** A whole number from 1, or the end with code 2. */
function readCount(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  process.stderr.write(`--${name} must be a whole number from 1.\n\n${HELP}`);
  return process.exit(2);
}

function printRow({ fault, lane, events, lost, duplicated, recoveryMs, repeatedCalls, elapsedMs, violations }: FaultResult): void {
  const cells = [lane, String(events), String(lost), String(duplicated), recoveryMs === null ? "never" : String(recoveryMs), String(repeatedCalls), formatElapsed(elapsedMs)];
  process.stdout.write(`${violations.length === 0 ? "✔" : "✖"} ${fault.padEnd(41)}${cells.map((cell) => cell.padStart(11)).join("")}\n`);
  for (const violation of violations) process.stdout.write(`    ${violation}\n`);
}

async function main(): Promise<void> {
  const only = (values.only ?? []).flatMap((text) => text.split(","));
  const { lane } = values;
  if (lane !== undefined && lane !== "fast" && lane !== "durable") {
    process.stderr.write(`--lane must be fast or durable.\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  const unknown = only.filter((name) => !FAULTS.some((fault) => fault.name === name));
  if (unknown.length > 0) {
    process.stderr.write(`There is no fault ${unknown.join(", ")}.\n\n${HELP}`);
    process.exitCode = 2;
    return;
  }
  const seed = readCount("seed", values.seed, Math.floor(Math.random() * 1_000_000) + 1);
  const events = readCount("events", values.events, DEFAULTS.events);
  const recoveryMsMax = readCount("recovery-max", values["recovery-max"], RECOVERY_MS_MAX / 1_000) * 1_000;
  const faults = FAULTS.filter(({ name }) => only.length === 0 || only.includes(name));
  const keep = resolve(values.keep ?? join(STATE_DIR, "chaos", new Date().toISOString().replaceAll(/[:.]/g, "-")));
  const history = new History(keep);
  const dir = mkdtempSync(join(tmpdir(), "fluxo-chaos-"));
  process.stdout.write(`Seed ${seed}, ${events} deliveries per fault; history in ${history.file}\n`);
  history.add({ op: "run", seed, events, faults: faults.map(({ name }) => name) });
  await generateClient();
  process.stdout.write(`  ${"fault".padEnd(41)}${["lane", "events", "lost", "duplicated", "recoveryMs", "repeated", "took"].map((cell) => cell.padStart(11)).join("")}\n`);
  const chaos = startChaos({
    seed, faults, events, lane, dir, history,
    logDir: join(keep, "logs"),
    random: seededRandom(seed),
    absenceMs: values.quick === true ? DEFAULTS.quickAbsenceMs : DEFAULTS.absenceMs,
    recoveryMsMax,
    progress: (text) => void process.stderr.write(`… ${text}\n`),
    onResult: printRow,
  });
  const stop = (): never => {
    stopCommands();
    chaos.abort();
    rmSync(dir, { recursive: true, force: true });
    return process.exit(130);
  };
  watchInterruptions({ onStop: stop, onForce: stop });
  const results = await chaos.results.finally(async () => {
    await history.close();
    rmSync(dir, { recursive: true, force: true });
  });
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, null, 2)}\n`);
  const failed = results.filter(({ violations }) => violations.length > 0).length;
  process.stdout.write(`${results.length - failed} passed, ${failed} failed, ${FAULTS.length - results.length} skipped\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}

if (values.help === true) {
  process.stdout.write(HELP);
} else {
  await main().catch((error: unknown) => {
    process.stderr.write(`✖ ${messageOf(error)}\n`);
    process.stdout.write("0 passed, 1 failed, 0 skipped\n");
    process.exitCode = 1;
  });
}
