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
    .option("--on-conflict <policy>", "refuse, keepTenant or takeTemplate", "refuse")
    .option("--wait", "until it ends, stops or waits for approval")
    .action(async (templateId: string, options: RolloutOptions, command: Command) => rollout(contextOf(command, terminal), templateId, options));
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

async function rollout(context: Context, templateId: string, { version, tenants, canary, onConflict, wait }: RolloutOptions): Promise<void> {
  const { client, show, terminal } = context;
  if (onConflict !== "refuse" && onConflict !== "keepTenant" && onConflict !== "takeTemplate") throw new UsageError(`"${onConflict}" is no policy: use refuse, keepTenant or takeTemplate.`);
  const started = await client.call("createRollout", {
    params: { templateId },
    body: {
      onConflict,
      ...(version === undefined ? {} : { number: version }),
      ...(tenants === undefined ? {} : { tenantIds: tenants }),
      ...(canary === undefined ? {} : { canary: { percent: canary, policy: { mode: "approval" as const } } }),
    },
  });
  const rolloutId = started.body.id;
  if (wait !== true) return show(started.body, `The rollout ${rolloutId} works.`);
  for (;;) {
    const { body } = await client.call("getRollout", { params: { rolloutId } });
    if (body.status !== "RUNNING") {
      const counts = Object.entries(body.tenants).flatMap(([status, tenantCount]) => (tenantCount === 0 ? [] : [`${status} ${tenantCount}`]));
      show(body, `The rollout ${rolloutId} is ${body.status}: ${counts.join(", ")}.${body.stop === null ? "" : ` ${body.stop.code}: ${body.stop.message}`}`);
      if (body.status === "STOPPED" || body.status === "ABORTED") throw new Verdict("The rollout did not go through.", EXIT.failed);
      return;
    }
    await sleep(POLL_MS, undefined, { signal: terminal.signal });
  }
}
