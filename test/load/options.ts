import { readOptions } from "../../scripts/environment/options.ts";
import { Problem } from "../../scripts/environment/problem.ts";
import { isLoopback } from "./target.ts";

/** In this order they are run. */
export const SCENARIOS = ["smoke", "baseline", "spike", "noisy-tenant", "bad-input", "overload"] as const;
export type ScenarioName = (typeof SCENARIOS)[number];

/** Somebody else's ingress: a hook of an installation. */
export interface Target {
  readonly hookUrl: string;
  readonly secret: string;
  readonly deliveryIdHeader: string;
  /** Requests per second of the baseline. */
  readonly rate: number;
}

export interface LoadOptions {
  readonly scenarios: readonly ScenarioName[];
  readonly durationSeconds: number;
  readonly jsonFile: string | undefined;
  /** Undefined: a system of its own. */
  readonly target: Target | undefined;
}

const DEFAULT_SECONDS = 8;
const DEFAULT_TARGET_RATE = 5;
/** What is asked of an installation unless `--only` says more: none of these goes beyond ten times the rate. */
const TARGET_SCENARIOS: readonly ScenarioName[] = ["smoke", "baseline", "spike", "bad-input"];

export const HELP = `npm run test:load: sends load to the ingress with k6 and judges every answer and every record.

  npm run test:load                                a system of its own, all scenarios (2 to 5 minutes)
  npm run test:load -- --only spike,overload       some scenarios; may be repeated
  npm run test:load -- --duration 30               seconds that a scenario sends for (${DEFAULT_SECONDS} unless said)
  npm run test:load -- --json FILE                 writes what was measured and judged as JSON too
  npm run test:load -- --target URL                a hook of an installation (its whole address); only k6's thresholds are judged
  npm run test:load -- --help                      this text

With --target
  --allow-remote             needed when the address is not of this machine: ask whoever runs it first
  --rate N                   requests per second of the baseline (${DEFAULT_TARGET_RATE} unless said); a spike is ten times as much
  --delivery-id-header NAME  the hook's header for delivery ids (webhook-id unless said)
  FLUXO_LOAD_SECRET          variable with the hook's Standard Webhooks secret; unset for a hook without authentication
  Every accepted request starts an execution there. Unless --only names them, ${SCENARIOS.filter((name) => !TARGET_SCENARIOS.includes(name)).join(" and ")} are left out.

Scenarios: ${SCENARIOS.join(", ")}. docs/load.md tells what each proves.
k6 is taken from the PATH, from the cache, or built once with Go. The last line sums up: each threshold and each other check counts as one.
`;

/** Reads the command line. An unknown option ends the process with code 2; undefined: help was asked for. @throws Problem */
export function readLoadOptions(env: NodeJS.ProcessEnv): LoadOptions | undefined {
  const values = readOptions(
    {
      only: { type: "string", multiple: true },
      duration: { type: "string" },
      json: { type: "string" },
      target: { type: "string" },
      "allow-remote": { type: "boolean" },
      rate: { type: "string" },
      "delivery-id-header": { type: "string" },
      help: { type: "boolean", short: "h" },
    },
    HELP,
  );
  if (values.help === true) return undefined;
  const target =
    values.target === undefined
      ? undefined
      : {
          hookUrl: checkTarget(values.target, values["allow-remote"] === true),
          secret: env["FLUXO_LOAD_SECRET"] ?? "",
          deliveryIdHeader: (values["delivery-id-header"] ?? "webhook-id").toLowerCase(),
          rate: readNumber("--rate", values.rate ?? String(DEFAULT_TARGET_RATE), 10_000),
        };
  const asked = (values.only ?? []).flatMap((text) => text.split(","));
  return {
    scenarios: chooseScenarios(asked, target === undefined ? SCENARIOS : TARGET_SCENARIOS),
    durationSeconds: readNumber("--duration", values.duration ?? String(DEFAULT_SECONDS), 3_600),
    jsonFile: values.json,
    target,
  };
}

function chooseScenarios(asked: readonly string[], usual: readonly ScenarioName[]): readonly ScenarioName[] {
  const unknown = asked.filter((name) => !SCENARIOS.some((scenario) => scenario === name));
  if (unknown.length > 0) throw optionProblem(`There is no scenario ${unknown.join(", ")}.`, `use some of: ${SCENARIOS.join(", ")}.`);
  return asked.length === 0 ? usual : SCENARIOS.filter((name) => asked.includes(name));
}

function readNumber(option: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw optionProblem(`${option} ${text} is not usable.`, `give a whole number from 1 to ${max}.`);
}

/** @throws Problem when the address is none, or is of another machine and nobody allowed that */
export function checkTarget(text: string, isRemoteAllowed: boolean): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw optionProblem(`--target ${text} is no address.`, "give the whole address of a hook, such as http://127.0.0.1:4101/hooks/….");
  const url = new URL(text);
  if (!isLoopback(url.hostname) && !isRemoteAllowed) {
    throw optionProblem(`${url.hostname} is not of this machine, so nothing is sent.`, "ask whoever runs it, then add --allow-remote.");
  }
  return url.href;
}

function optionProblem(why: string, todo: string): Problem {
  return new Problem({ what: "The load test was not started.", why, todo });
}
