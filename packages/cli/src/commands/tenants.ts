import type { Command } from "commander";
import { contextOf, count, take } from "../context.ts";
import { UsageError } from "../exit-codes.ts";
import { table, type Terminal } from "../terminal.ts";

/** `tenants …`: of an agency's key. */
export function addTenantCommands(program: Command, terminal: Terminal): void {
  const tenants = program.command("tenants").description("The tenants of the agency.");
  tenants
    .command("list")
    .description("List the tenants, newest first.")
    .option("--status <status>", "only those with this status: ACTIVE or SUSPENDED")
    .option("--limit <number>", "at most so many", count, 100)
    .action(async (options: { status?: string; limit: number }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const status = options.status === undefined ? undefined : statusOf(options.status);
      const list = await take(client.items("listTenants", status === undefined ? {} : { query: { status } }), options.limit);
      show(list, table(["ID", "NAME", "STATUS", "EXTERNAL ID", "CREATED"], list.map(({ id, name, status: state, externalId, createdAt }) => [id, name, state, externalId, createdAt])));
    });
  tenants
    .command("create")
    .description("Create a tenant.")
    .argument("<name>", "its name, unique in the agency")
    .requiredOption("--plan <plan>", "its plan: an id, or a code such as STARTER")
    .option("--external-id <id>", "what you call it elsewhere")
    .option("--time-zone <zone>", "the IANA zone of its quota windows")
    .action(async (name: string, options: { plan: string; externalId?: string; timeZone?: string }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const planId = await planIdOf(client, options.plan);
      const rest = { ...(options.externalId === undefined ? {} : { externalId: options.externalId }), ...(options.timeZone === undefined ? {} : { timeZone: options.timeZone }) };
      const { body } = await client.call("createTenant", { body: { name, planId, ...rest } });
      show(body, `Created the tenant ${body.id}.`);
    });
  for (const [verb, status, done] of [["suspend", "SUSPENDED", "Suspended"], ["resume", "ACTIVE", "Resumed"]] as const) {
    const one = tenants
      .command(verb)
      .description(verb === "suspend" ? "Suspend a tenant: nothing of it starts any more." : "Resume a suspended tenant.")
      .argument("<tenant>", "its id");
    if (verb === "suspend") one.option("--reason <text>", "kept with the tenant, and told by what is blocked");
    one.action(async (tenantId: string, { reason }: { readonly reason?: string }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const { body } = await client.call("updateTenant", { params: { tenantId }, body: { status, ...(reason === undefined ? {} : { suspensionReason: reason }) } });
      show(body, `${done} ${body.name}.`);
    });
  }
}

function statusOf(text: string): "ACTIVE" | "SUSPENDED" {
  if (text === "ACTIVE" || text === "SUSPENDED") return text;
  throw new UsageError(`"${text}" is not a status: use ACTIVE or SUSPENDED.`);
}

async function planIdOf(client: ReturnType<typeof contextOf>["client"], plan: string): Promise<string> {
  for await (const { id, code } of client.items("listPlans")) if (id === plan || code === plan) return id;
  throw new UsageError(`There is no plan "${plan}".`);
}
