import { runBench, SCENARIOS } from "../test/bench/main.ts";
import { stopCommands } from "./environment/commands.ts";
import { watchInterruptions } from "./environment/interruption.ts";
import { readOptions } from "./environment/options.ts";
import { printProblem, toProblem } from "./environment/problem.ts";

const DEFAULT_ROUNDS = 5;

const HELP = `npm run bench: measures Fluxo beside baselines that it starts itself; exit code 0 only if all goals are met.

  npm run bench                               everything
  npm run bench -- --only ingress,burst       some parts
  npm run bench -- --rounds 3                 rounds of each side (${DEFAULT_ROUNDS}); the sides take turns
  npm run bench -- --json FILE                also writes the rows: { name, unit, value, baseline, ratio, goal, met }
  npm run bench -- --profile DIR              services leave their CPU profiles there (slower: for looking, not for measuring)
  npm run bench -- --help                     this text

Parts: ${SCENARIOS.map(({ name }) => name).join(", ")}
It starts a PostgreSQL (durable, as npm start), Redis and Inngest of its own on free ports. Absolute figures are those of this machine and of what else
runs on it; the ratios are what to look at. docs/benchmarks.md explains each row.
`;

const values = readOptions(
  { only: { type: "string", multiple: true }, rounds: { type: "string" }, json: { type: "string" }, profile: { type: "string" }, help: { type: "boolean", short: "h" } },
  HELP,
);
const only = (values.only ?? []).flatMap((text) => text.split(","));
const unknown = only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
const rounds = Number(values.rounds ?? DEFAULT_ROUNDS);
let stop: (() => Promise<void>) | undefined;

async function main(): Promise<void> {
  watchInterruptions({
    onStop: () => {
      stopCommands();
      void (stop?.() ?? Promise.resolve()).finally(() => process.exit(130));
    },
    onForce: () => process.exit(130),
  });
  try {
    const isMet = await runBench({
      scenarios: only.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => only.includes(name)),
      rounds,
      jsonFile: values.json,
      profileDir: values.profile,
      print: (text) => void process.stdout.write(`${text}\n`),
      onStarted: (stopAll) => (stop = stopAll),
    });
    process.exitCode = isMet ? 0 : 1;
  } catch (error) {
    printProblem(toProblem(error, "The benchmark did not come to its end."), (text) => process.stdout.write(`\n✖\n${text}`));
    process.exitCode = 2;
  }
  // A start that failed half-way may have left a server open here.
  process.exit();
}

if (values.help === true) {
  process.stdout.write(HELP);
} else if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  process.stderr.write(`${unknown.length > 0 ? `There is no part ${unknown.join(", ")}.` : "--rounds must be a whole number from 1."}\n\n${HELP}`);
  process.exitCode = 2;
} else {
  await main();
}
