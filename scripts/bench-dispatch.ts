import { DISPATCH_SCENARIOS, runDispatchBench } from "../test/bench/dispatch/main.ts";
import { stopCommands } from "./environment/commands.ts";
import { watchInterruptions } from "./environment/interruption.ts";
import { readOptions } from "./environment/options.ts";
import { printProblem, toProblem } from "./environment/problem.ts";

const DEFAULT_ROUNDS = 3;

const HELP = `npm run bench:dispatch: measures dispatchers beside baselines; exit code 0 only if all goals are met.

  npm run bench:dispatch                      everything
  npm run bench:dispatch -- --only claims     some parts
  npm run bench:dispatch -- --rounds 1        rounds of each side (${DEFAULT_ROUNDS}); the sides take turns
  npm run bench:dispatch -- --json FILE       also writes the rows: { name, unit, value, baseline, ratio, goal, met }
  npm run bench:dispatch -- --help            this text

Parts: ${DISPATCH_SCENARIOS.map(({ name }) => name).join(", ")}
It starts a PostgreSQL (durable, as npm start) and a Redis of its own on free ports. Absolute figures are those of this machine and of what else runs on
it; the ratios are what to look at.
`;

const values = readOptions({ only: { type: "string", multiple: true }, rounds: { type: "string" }, json: { type: "string" }, help: { type: "boolean", short: "h" } }, HELP);
const only = (values.only ?? []).flatMap((text) => text.split(","));
const unknown = only.filter((name) => !DISPATCH_SCENARIOS.some((scenario) => scenario.name === name));
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
    const isMet = await runDispatchBench({
      scenarios: only.length === 0 ? DISPATCH_SCENARIOS : DISPATCH_SCENARIOS.filter(({ name }) => only.includes(name)),
      rounds,
      jsonFile: values.json,
      print: (text) => void process.stdout.write(`${text}\n`),
      onStarted: (stopAll) => (stop = stopAll),
    });
    process.exitCode = isMet ? 0 : 1;
  } catch (error) {
    printProblem(toProblem(error, "The benchmark did not come to its end."), (text) => process.stdout.write(`\n✖\n${text}`));
    process.exitCode = 2;
  }
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
