import { HELP, type LoadOptions, readLoadOptions, SCENARIOS } from "../test/load/options.ts";
import { runLoad } from "../test/load/run.ts";
import { stopCommands } from "./environment/commands.ts";
import { watchInterruptions } from "./environment/interruption.ts";
import { printProblem, toProblem } from "./environment/problem.ts";
import { createSteps } from "./environment/steps.ts";

const steps = createSteps();
const stack = new AsyncDisposableStack();
let isStopping = false;

/** Stops what was started, once. */
async function stop(exitCode: number): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  stopCommands();
  await stack.disposeAsync();
  process.exit(exitCode);
}

async function main(options: LoadOptions): Promise<void> {
  watchInterruptions({ onStop: () => (steps.mute(), void stop(130)), onForce: () => process.exit(130) });
  let counts = { passed: 0, failed: 1 };
  try {
    counts = await runLoad(options, steps, stack);
  } catch (error) {
    if (isStopping) return;
    if (!steps.hasPrinted(error)) printProblem(toProblem(error, "The load test could not be finished."), (text) => process.stdout.write(`\n✖\n${text}`));
  }
  const skipped = SCENARIOS.length - options.scenarios.length;
  process.exitCode = counts.failed > 0 ? 1 : 0;
  isStopping = true;
  await stack.disposeAsync();
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${skipped} skipped\n`);
  process.exit();
}

try {
  const options = readLoadOptions(process.env);
  if (options === undefined) process.stdout.write(HELP);
  else await main(options);
} catch (error) {
  printProblem(toProblem(error, "The load test was not started."), (text) => process.stderr.write(`✖\n${text}`));
  process.exitCode = 2;
}
