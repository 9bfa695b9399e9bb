import { DISPATCH_SCENARIOS, runDispatchBench } from "../test/bench/dispatch/main.ts";
import { runBenchCommand } from "./bench/command.ts";

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

await runBenchCommand({ help: HELP, scenarios: DISPATCH_SCENARIOS, defaultRounds: DEFAULT_ROUNDS, hasProfiles: false, run: runDispatchBench });
