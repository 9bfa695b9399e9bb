import type { Command } from "commander";
import { contextOf } from "../context.ts";
import { UsageError } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";
import { idOf } from "../workflow-file.ts";

/** `workflows archive`, `restore`, `delete` */
export function addWorkflowArchiveCommands(workflows: Command, terminal: Terminal): void {
  const argument = ["<workflow>", "an id, or a file that was pushed"] as const;
  workflows
    .command("archive")
    .description("Switch a workflow off and take it out of the lists. Its executions and versions stay.")
    .argument(...argument)
    .action(async (workflow: string, _options: unknown, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const { body } = await client.call("archiveWorkflow", { params: { workflowId: idOf(workflow) } });
      show(body, `"${body.name}" is archived. "workflows restore ${body.id}" brings it back.`);
    });
  workflows
    .command("restore")
    .description("Take a workflow out of the archive. It stays switched off until it is published or activated.")
    .argument(...argument)
    .option("--name <name>", "another name, when its own is taken by now")
    .action(async (workflow: string, options: { name?: string }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      const { body } = await client.call("restoreWorkflow", { params: { workflowId: idOf(workflow) }, ...(options.name === undefined ? {} : { body: { name: options.name } }) });
      show(body, `"${body.name}" is back, switched off.`);
    });
  workflows
    .command("delete")
    .description("Delete an archived workflow for ever. Its executions stay, each with the version that it ran.")
    .argument(...argument)
    .option("--yes", "needed: nothing takes it back")
    .action(async (workflow: string, options: { yes?: boolean }, command: Command) => {
      const { client, show } = contextOf(command, terminal);
      if (options.yes !== true) throw new UsageError("Nothing takes a deletion back: say so with --yes.");
      const workflowId = idOf(workflow);
      await client.call("deleteWorkflow", { params: { workflowId } });
      show({ id: workflowId, deleted: true }, `${workflowId} is deleted.`);
    });
}
