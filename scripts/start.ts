import { rmSync } from "node:fs";
import { runCheck } from "./check/check.ts";
import { describeDemo } from "./demo/instructions.ts";
import { type Demo, seedDemo } from "./demo/seed.ts";
import { stopCommands } from "./environment/commands.ts";
import { type Development, startDevelopment } from "./environment/development.ts";
import { watchInterruptions } from "./environment/interruption.ts";
import { readOptions } from "./environment/options.ts";
import { readPortBase } from "./environment/ports.ts";
import { printProblem, Problem, tailOf, toProblem } from "./environment/problem.ts";
import { describeExit, readLeftovers, stopLeftovers, Supervisor } from "./environment/processes.ts";
import { DEV_FILE, openStateDir, PROCESSES_FILE, STATE_DIR, writePrivate } from "./environment/state.ts";
import { createSteps } from "./environment/steps.ts";

const HELP = `npm start: sets everything up and runs Fluxo on this machine.

  npm start                          run until Ctrl-C
  npm start -- --check               set up, send real requests, judge every outcome, stop; exit code 0 only if all were right
  npm start -- --port-base 4200      take the ports from 4200 on (as PORT_BASE does; 4100 unless said, or the next free hundred)
  npm start -- --log-level debug     how much the services log: debug, info (unless said), warn or error
  npm start -- --help                this text

Variables
  PORT_BASE            first of the 15 ports; two checkouts with different ones run side by side
  DATABASE_URL         a PostgreSQL to use, as owner; unset: one of its own in .fluxo
  REDIS_URL            a Redis to use; unset: the one on 127.0.0.1:6379, else one of its own (redis-server)
  FLUXO_INNGEST_BIN    the Inngest server to use; unset: on the PATH, from npm, from the cache, or built once with Go
  FLUXO_ALLOWED_PRIVATE_HOSTS   private addresses that workflows may call, as host:port,host:port

Data, logs and keys are kept in .fluxo; npm run reset removes them.
`;

const LOG_LEVELS = ["debug", "info", "warn", "error"];
const values = readOptions(
  { check: { type: "boolean" }, help: { type: "boolean", short: "h" }, "port-base": { type: "string" }, "log-level": { type: "string" } },
  HELP,
);
const logLevel = values["log-level"] ?? "info";
if (values.help === true) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (!LOG_LEVELS.includes(logLevel)) {
  process.stderr.write(`--log-level must be one of ${LOG_LEVELS.join(", ")}.\n\n${HELP}`);
  process.exit(2);
}

const startedAt = performance.now();
const steps = createSteps();
let supervisor: Supervisor | undefined;
let isStopping = false;
let isReady = false;

/** Stops everything once; whoever comes later has nothing to do. */
async function stop(exitCode: number): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  steps.mute();
  if (supervisor !== undefined) {
    rmSync(DEV_FILE, { force: true });
    stopCommands();
    steps.note("\nStopping (Ctrl-C again forces it).");
    await supervisor.stopAll((names) => steps.note(`  ${names}`));
    steps.note("Stopped.");
  }
  process.exit(exitCode);
}

watchInterruptions({
  onStop: (reason) => void stop(isReady && values.check !== true ? 0 : reason === "SIGINT" ? 130 : 143),
  onForce: () => {
    supervisor?.killAll();
    process.exit(130);
  },
});

/** Refuses a second start from this checkout, and clears what a crashed one left. */
async function takeOver(): Promise<Supervisor> {
  openStateDir(STATE_DIR);
  const { ownerPid } = readLeftovers(PROCESSES_FILE);
  if (ownerPid !== undefined) {
    throw new Problem({
      what: "Fluxo runs from this checkout already.",
      why: `process ${ownerPid} runs it; its addresses are in .fluxo/dev.json.`,
      todo: "use that one, stop it with Ctrl-C, or stop it and remove its data with npm run reset.",
    });
  }
  rmSync(DEV_FILE, { force: true });
  const stopped = await stopLeftovers(PROCESSES_FILE);
  if (stopped.length > 0) steps.note(`Stopped what an interrupted start had left running: ${stopped.join(", ")}.`);
  return new Supervisor({
    stateFile: PROCESSES_FILE,
    onUnexpectedExit: (child, exit) => {
      if (isStopping) return;
      if (isReady) {
        const why = `it ${describeExit(exit)}. The end of its log:\n${tailOf(child.logFile)}`;
        printProblem(new Problem({ what: `${child.name} stopped by itself.`, why, todo: `read ${child.logFile}, then start again; accepted work is continued.` }), (text) => process.stdout.write(`\n${text}`));
        void stop(1);
      }
    },
  });
}

function writeDevFile(development: Development, demo: Demo, processes: Supervisor["processes"]): void {
  const { apiUrl, ingressUrl, inngestUrl, databaseUrl, redisUrl } = development;
  const tenants = demo.tenants.map(({ id, name, apiKey }) => ({ id, name, apiKey }));
  const pids = Object.fromEntries(processes.map(({ name, pid }) => [name, pid]));
  writePrivate(DEV_FILE, JSON.stringify({ apiUrl, ingressUrl, inngestUrl, databaseUrl, redisUrl, operatorKey: demo.operatorKey, adminKey: demo.adminKey, tenants, processes: pids }, null, 2));
}

async function main(): Promise<void> {
  const portBase = readPortBase(values["port-base"] ?? process.env["PORT_BASE"]);
  supervisor = await takeOver();
  const development = await startDevelopment({ steps, supervisor, portBase, logLevel });
  const demo = await steps.run("Demo", (progress) => seedDemo(development, progress), (seeded) => seeded.tenants.map((tenant) => tenant.name).join(", "));
  isReady = true;
  supervisor.removeOnCrash(DEV_FILE);
  writeDevFile(development, demo, supervisor.processes);
  if (values.check === true) {
    await runCheck({ development, demo, print: (text) => steps.note(text) });
    await stop(0);
  } else {
    steps.note(describeDemo(development, demo));
    steps.note(`Ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`);
  }
}

try {
  await main();
} catch (error) {
  // A step prints its own failure; what failed outside of one is printed here.
  if (!isStopping && !steps.hasPrinted(error)) printProblem(toProblem(error, "Fluxo could not be started."), (text) => process.stdout.write(`\n✖\n${text}`));
  await stop(1);
}
