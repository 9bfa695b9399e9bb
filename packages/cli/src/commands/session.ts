import { FluxoClient } from "@fluxo/client/client";
import type { Command } from "commander";
import { removeConfig, writeConfig } from "../config-file.ts";
import { contextOf, requireAddress, USER_AGENT } from "../context.ts";
import { UsageError } from "../exit-codes.ts";
import type { Terminal } from "../terminal.ts";

/** `login`, `logout`, `whoami`. */
export function addSessionCommands(program: Command, terminal: Terminal): void {
  program
    .command("login")
    .description("Store an API key for this user. The key is asked for, or read from FLUXO_API_KEY or the standard input: never from an argument, where others could see it.")
    .option("--key-stdin", "read the key from the standard input")
    .action(async (options: { keyStdin?: boolean }, command: Command) => {
      const { url, tenant } = command.optsWithGlobals<{ url?: string; tenant?: string }>();
      const baseUrl = url ?? terminal.env["FLUXO_URL"];
      if (baseUrl === undefined) throw new UsageError("Say where Fluxo's admin API is: --url https://fluxo.example.com");
      requireAddress(baseUrl);
      const apiKey = await keyOf(options.keyStdin === true, terminal);
      const { body } = await new FluxoClient({ baseUrl, apiKey, userAgent: USER_AGENT }).call("getMe");
      const path = writeConfig(terminal.env, { url: baseUrl, apiKey, ...(tenant === undefined ? {} : { tenantId: tenant }) });
      terminal.out(`Logged in at ${baseUrl} with the key ${body.actor.id}. It is stored in ${path}, for you alone.`);
    });
  program
    .command("logout")
    .description("Forget the stored API key. The key itself stays valid until it is revoked.")
    .action(() => terminal.out(removeConfig(terminal.env) ? "Logged out." : "Nobody was logged in."));
  program
    .command("whoami")
    .description("Tell who calls, what the key reaches and what it may do.")
    .action(async (_options: unknown, command: Command) => {
      const { client, show, url, tenantId } = contextOf(command, terminal);
      const { body } = await client.call("getMe");
      const tenants = tenantId === undefined ? "" : `\nTenant    ${tenantId}`;
      show(body, `Fluxo     ${url}\nCaller    ${body.actor.kind} ${body.actor.id}\nAgency    ${body.agency?.name ?? "–"}${tenants}\nScopes    ${body.scopes.join(" ")}`);
    });
}

async function keyOf(fromInput: boolean, { env, readInput, askSecret }: Terminal): Promise<string> {
  const given = fromInput ? await readInput() : (env["FLUXO_API_KEY"] ?? (await askSecret?.("API key: ")));
  const key = given?.trim() ?? "";
  if (key === "") throw new UsageError("There is no API key: type it, set FLUXO_API_KEY, or use --key-stdin.");
  return key;
}
