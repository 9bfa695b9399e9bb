import { runBench, SCENARIOS } from "../test/bench/main.ts";
import { runBenchCommand } from "./bench/command.ts";

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

await runBenchCommand({ help: HELP, scenarios: SCENARIOS, defaultRounds: DEFAULT_ROUNDS, hasProfiles: true, run: runBench });
