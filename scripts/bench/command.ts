import type { BenchRun } from "../../test/bench/bench-run.ts";
import { stopCommands } from "../environment/commands.ts";
import { watchInterruptions } from "../environment/interruption.ts";
import { readOptions } from "../environment/options.ts";
import { printProblem, toProblem } from "../environment/problem.ts";

export interface BenchCommand<S extends { readonly name: string }> {
  readonly help: string;
  readonly scenarios: readonly S[];
  readonly defaultRounds: number;
  /** Whether services can leave profiles: `--profile`. */
  readonly hasProfiles: boolean;
  /** @returns whether all goals are met */
  readonly run: (request: BenchRun<S>) => Promise<boolean>;
}

const OPTIONS = { only: { type: "string", multiple: true }, rounds: { type: "string" }, json: { type: "string" }, help: { type: "boolean", short: "h" } } as const;

/** Reads the options of a benchmark, runs it, and ends the process: 0 when all goals are met, 1 when not, 2 when it did not come to its end. */
export async function runBenchCommand<S extends { readonly name: string }>({ help, scenarios, defaultRounds, hasProfiles, run }: BenchCommand<S>): Promise<void> {
  const values: { only?: string[]; rounds?: string; json?: string; profile?: string; help?: boolean } = hasProfiles ? readOptions({ ...OPTIONS, profile: { type: "string" } }, help) : readOptions(OPTIONS, help);
  const only = (values.only ?? []).flatMap((text) => text.split(","));
  const unknown = only.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  const rounds = Number(values.rounds ?? defaultRounds);
  if (values.help === true) {
    process.stdout.write(help);
  } else if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(`${unknown.length > 0 ? `There is no part ${unknown.join(", ")}.` : "--rounds must be a whole number from 1."}\n\n${help}`);
    process.exitCode = 2;
  } else {
    const chosen = only.length === 0 ? scenarios : scenarios.filter(({ name }) => only.includes(name));
    await runToEnd((onStarted) => run({ scenarios: chosen, rounds, jsonFile: values.json, profileDir: values.profile, print: (text) => void process.stdout.write(`${text}\n`), onStarted }));
  }
}

async function runToEnd(run: (onStarted: (stopAll: () => Promise<void>) => void) => Promise<boolean>): Promise<void> {
  let stop: (() => Promise<void>) | undefined;
  watchInterruptions({
    onStop: () => {
      stopCommands();
      void (stop?.() ?? Promise.resolve()).finally(() => process.exit(130));
    },
    onForce: () => process.exit(130),
  });
  try {
    process.exitCode = (await run((stopAll) => (stop = stopAll))) ? 0 : 1;
  } catch (error) {
    printProblem(toProblem(error, "The benchmark did not come to its end."), (text) => process.stdout.write(`\n✖\n${text}`));
    process.exitCode = 2;
  }
  // A start that failed half-way may have left a server open here.
  process.exit();
}
