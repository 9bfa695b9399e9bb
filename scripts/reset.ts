import { existsSync, rmSync } from "node:fs";
import { readOptions } from "./environment/options.ts";
import { messageOf, printProblem, toProblem } from "./environment/problem.ts";
import { endProcess, readStartToken } from "./environment/process-identity.ts";
import { readLeftovers, stopLeftovers } from "./environment/processes.ts";
import { deleteKeys } from "./environment/redis-client.ts";
import { PROCESSES_FILE, redisPrefix, STATE_DIR } from "./environment/state.ts";

const HELP = `npm run reset: stops what runs from this checkout and removes .fluxo: data, logs and keys.

A PostgreSQL of DATABASE_URL is not touched. In a Redis of REDIS_URL, or the one on 127.0.0.1:6379, this checkout's keys are removed.
`;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function stopOwner(): Promise<void> {
  const { ownerPid } = readLeftovers(PROCESSES_FILE);
  const token = ownerPid === undefined ? undefined : readStartToken(ownerPid);
  if (ownerPid === undefined || token === undefined) return;
  say(`Stopping Fluxo (process ${ownerPid}).`);
  // It stops its children first: longer than their deadlines together.
  await endProcess({ name: "start", pid: ownerPid, token, stopSignal: "SIGTERM", stopTimeoutMs: 60_000 });
}

async function clearRedis(): Promise<void> {
  const asked = process.env["REDIS_URL"];
  const url = asked === undefined || asked === "" ? "redis://127.0.0.1:6379/0" : asked;
  try {
    const count = await deleteKeys(url, redisPrefix());
    if (count > 0) say(`Removed ${count} keys under ${redisPrefix()} from Redis.`);
  } catch (error) {
    if (asked !== undefined && asked !== "") say(`The keys in the Redis of REDIS_URL were not removed: ${messageOf(error)}`);
  }
}

async function reset(): Promise<void> {
  await stopOwner();
  const stopped = await stopLeftovers(PROCESSES_FILE);
  if (stopped.length > 0) say(`Stopped what was left running: ${stopped.join(", ")}.`);
  await clearRedis();
  if (existsSync(STATE_DIR)) {
    rmSync(STATE_DIR, { recursive: true, force: true });
    say(`Removed ${STATE_DIR}.`);
  } else {
    say("There was no .fluxo to remove.");
  }
  if ((process.env["DATABASE_URL"] ?? "") !== "") say("The database of DATABASE_URL was left as it is.");
}

if (readOptions({ help: { type: "boolean", short: "h" } }, HELP).help === true) {
  process.stdout.write(HELP);
} else {
  try {
    await reset();
  } catch (error) {
    printProblem(toProblem(error, "The reset did not succeed."), (text) => process.stdout.write(text));
    process.exitCode = 1;
  }
}
