import type { Command } from "commander";
import { setTimeout as sleep } from "node:timers/promises";
import { contextOf, count, take, type Context } from "../context.ts";
import { EXIT, UsageError, Verdict } from "../exit-codes.ts";
import { table, type Terminal } from "../terminal.ts";

const POLL_MS = 1_000;

interface RolloutOptions {
  readonly version?: number;
  readonly tenants?: string[];
  readonly canary?: number;
  readonly auto?: boolean;
  readonly minExecutions: number;
  readonly failureRate: number;
  readonly window: number;
  readonly onConflict: string;
  readonly wait?: boolean;
}

/** `templates …`: of an agency's key. */
export function addTemplateCommands(program: Command, terminal: Terminal): void {
  const templates = program.command("templates").description("The workflow templates of the agency, and their rollouts.");
  templates
    .command("list")
    .description("List the templates, newest first.")
    .action(async (_options: unknown, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const list = await take(client.items("listTemplates"), 1_000);
      show(list, table(["ID", "NAME", "VERSION", "CHANGED"], list.map(({ id, name, latestNumber, updatedAt }) => [id, name, latestNumber, updatedAt])));
    });
  templates
    .command("status")
    .description("Tell which tenants have which version, what they changed, and who could not get a version.")
    .argument("<template>", "its id")
    .action(async (templateId: string, _options: unknown, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const list = await take(client.items("listTemplateInstallations", { params: { templateId } }), 10_000);
      show(list, table(["TENANT", "NAME", "VERSION", "OWN CHANGES", "REFUSED"], list.map(({ tenantId, tenantName, versionNumber, overrides, refusal }) => [tenantId, tenantName, versionNumber, overrides.length, refusal === null ? null : `${refusal.versionNumber}: ${refusal.code}`])));
    });
  templates
    .command("rollout")
    .description("Roll a version out to tenants. With --canary, some go first and the others wait for `approve`.")
    .argument("<template>", "its id")
    .option("--version <number>", "the version; the newest when absent", count)
    .option("--tenants <ids...>", "these tenants; all that have the template in another version when absent")
    .option("--canary <percent>", "so many per hundred of the tenants go first", count)
    .option("--auto", "their executions decide whether the others follow, and nobody is asked")
    .option("--min-executions <number>", "with --auto: of so many", count, 50)
    .option("--failure-rate <share>", "with --auto: no larger share of them may fail", share, 0.05)
    .option("--window <minutes>", "with --auto: within so long", count, 240)
    .option("--on-conflict <policy>", "refuse, keepTenant or takeTemplate", "refuse")
    .option("--wait", "until it ends, stops or waits for approval")
    .action(async (templateId: string, options: RolloutOptions, command: Command) => rollout(contextOf(command, terminal), templateId, options));
  addRolloutReads(templates, terminal);
  for (const verb of ["approve", "pause", "resume", "abort"] as const) {
    templates
      .command(verb)
      .description(`${verb[0]?.toUpperCase() ?? ""}${verb.slice(1)} a rollout.`)
      .argument("<rollout>", "its id")
      .action(async (rolloutId: string, _options: unknown, command: Command) => {
        const { client, show } = contextOf(command, terminal);
        const { body } = await client.call(`${verb}Rollout`, { params: { rolloutId } });
        show(body, `The rollout is ${body.status}.`);
      });
  }
  templates
    .command("rollback")
    .description("Take a rollout back: every tenant gets what it had before.")
    .argument("<rollout>", "its id")
    .action(async (rolloutId: string, _options: unknown, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const { body } = await client.call("rollBackRollout", { params: { rolloutId } });
      show(body, `The rollback ${body.id} works.`);
    });
}

/** Who decides after the canary tenants. */
function policyOf({ auto, minExecutions, failureRate: failureRateMax, window: windowMinutes }: RolloutOptions) {
  return auto === true ? ({ mode: "automatic", minExecutions, failureRateMax, windowMinutes } as const) : ({ mode: "approval" } as const);
}

function share(text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new UsageError(`"${text}" is no share: use a number from 0 to 1.`);
  return value;
}

function addRolloutReads(templates: Command, terminal: Terminal): void {
  templates
    .command("rollouts")
    .description("List the rollouts, newest first.")
    .option("--template <id>", "only of this template")
    .option("--limit <number>", "at most so many", count, 20)
    .action(async ({ template, limit }: { readonly template?: string; readonly limit: number }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const list = await take(client.items("listRollouts", template === undefined ? {} : { query: { templateId: template } }), limit);
      show(list, table(["ID", "TEMPLATE", "KIND", "STATUS", "PHASE", "CREATED"], list.map(({ id, templateId, kind, status, phase, createdAt }) => [id, templateId, kind, status, phase, createdAt])));
    });
  templates
    .command("progress")
    .description("Tell how far a rollout is, and which tenants did not get the version, with the reason.")
    .argument("<rollout>", "its id")
    .action(async (rolloutId: string, _options: unknown, command: Command) => {
      const context = contextOf(command, terminal);
      const { client, show } = context;
      const body = await readRollout(context, rolloutId);
      const tenants = await take(client.items("listRolloutItems", { params: { rolloutId }, query: { status: ["BLOCKED", "CONFLICT", "FAILED", "SKIPPED"] } }), 10_000);
      show({ ...body, refused: tenants }, `${progressOf(body)}\n${table(["TENANT", "STATUS", "CODE", "REASON"], tenants.map(({ tenantId, status, code, message }) => [tenantId, status, code, message]))}`);
    });
}

type Progress = Awaited<ReturnType<typeof readRollout>>;

async function readRollout({ client }: Context, rolloutId: string) {
  return (await client.call("getRollout", { params: { rolloutId } })).body;
}

function progressOf({ id, status, isParked, tenants, stop }: Progress): string {
  const counts = Object.entries(tenants).flatMap(([name, tenantCount]) => (tenantCount === 0 ? [] : [`${name} ${tenantCount}`]));
  return `The rollout ${id} is ${status}: ${counts.join(", ")}.${isParked ? " Its turns fail: it is tried once an hour." : ""}${stop === null ? "" : ` ${stop.code}: ${stop.message}`}`;
}

async function rollout(context: Context, templateId: string, options: RolloutOptions): Promise<void> {
  const { client, show, terminal } = context;
  const { version, tenants, canary, onConflict, wait } = options;
  if (onConflict !== "refuse" && onConflict !== "keepTenant" && onConflict !== "takeTemplate") throw new UsageError(`"${onConflict}" is no policy: use refuse, keepTenant or takeTemplate.`);
  const started = await client.call("createRollout", {
    params: { templateId },
    body: {
      onConflict,
      ...(version === undefined ? {} : { number: version }),
      ...(tenants === undefined ? {} : { tenantIds: tenants }),
      ...(canary === undefined ? {} : { canary: { percent: canary, policy: policyOf(options) } }),
    },
  });
  const rolloutId = started.body.id;
  if (wait !== true) return show(started.body, `The rollout ${rolloutId} works.`);
  for (;;) {
    const body = await readRollout(context, rolloutId);
    if (body.status !== "RUNNING") {
      show(body, progressOf(body));
      if (body.status === "STOPPED" || body.status === "ABORTED") throw new Verdict("The rollout did not go through.", EXIT.failed);
      return;
    }
    await sleep(POLL_MS, undefined, { signal: terminal.signal });
  }
}
