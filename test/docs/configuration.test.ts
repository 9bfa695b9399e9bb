import { describeVariables } from "@fluxo/runtime/config/load";
import { expect, test } from "vitest";
import type { z } from "zod";
import { apiVariables } from "../../control-plane/src/api/config.ts";
import { bootstrapVariables } from "../../control-plane/src/bootstrap/config.ts";
import { rewrapVariables } from "../../control-plane/src/credentials/config.ts";
import { ingressVariables } from "../../control-plane/src/ingress/config.ts";
import { relayVariables } from "../../control-plane/src/relay/config.ts";
import { dispatcherVariables } from "../../dispatchers/src/config.ts";
import { workerVariables } from "../../worker/src/config.ts";

const services: readonly (readonly [string, z.ZodObject])[] = [
  ["Admin API: `node control-plane/src/main.ts api`", apiVariables],
  ["Webhook ingress: `node control-plane/src/main.ts ingress`", ingressVariables],
  ["Relay: `node control-plane/src/main.ts relay`", relayVariables],
  ["First keys: `node control-plane/src/main.ts bootstrap --operator` and `… bootstrap --agency <name>`", bootstrapVariables],
  ["After a rotation of the master key: `node control-plane/src/main.ts rewrap`", rewrapVariables],
  ["Worker: `node worker/src/main.ts`", workerVariables],
  ["Dispatchers: `node dispatchers/src/main.ts <kind>`", dispatcherVariables],
];

function render(): string {
  const sections = services.map(([title, schema]) => {
    const rows = describeVariables(schema).map(({ name, description, fallback }) => `| \`${name}\` | ${fallback === undefined ? "required" : fallback === "" ? "empty" : `\`${fallback}\``} | ${description} |`);
    return `## ${title}\n\n| variable | default | what it is |\n|---|---|---|\n${rows.join("\n")}\n`;
  });
  return `# Configuration\n\nEvery service reads the environment once at its start, refuses what it cannot use with the name of the variable and what to do, and never echoes a value.\nThis page is generated from the schemas; \`vitest run --project unit test/docs --update\` writes it.\n\n${sections.join("\n")}`;
}

test("docs/configuration.md tells every variable of every service", async () => {
  await expect(render()).toMatchFileSnapshot("../../docs/configuration.md");
});
