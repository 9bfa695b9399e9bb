import { ConfigError } from "@fluxo/runtime/config/load";

type Role = "api" | "ingress" | "relay" | "bootstrap" | "rewrap";
type Start = (env: NodeJS.ProcessEnv, args: readonly string[]) => Promise<void>;

const usage = `Usage: node control-plane/src/main.ts <role> [--help]

  api                        the admin API: /v1, /openapi.json
  ingress                    the webhook ingress: /hooks/<token>
  relay                      publishes queued executions to Inngest
  bootstrap --operator       creates a key of the operator and prints it as one line of JSON
  bootstrap --agency <name>  creates an agency and prints its id and its admin key as one line of JSON
  rewrap                     after a rotation of the master key: brings every data key and trigger secret to the current one

Configuration comes from the environment; see docs/configuration.md.`;

/** Only the code of the chosen role is loaded. */
const starts: Readonly<Record<Role, () => Promise<Start>>> = {
  api: async () => (await import("./api/compose.ts")).startApi,
  ingress: async () => (await import("./ingress/compose.ts")).startIngress,
  relay: async () => (await import("./relay/compose.ts")).startRelay,
  rewrap: async () => (await import("./credentials/rewrap.ts")).startRewrap,
  bootstrap: async () => (await import("./bootstrap/compose.ts")).startBootstrap,
};

function isRole(word: string | undefined): word is Role {
  return word !== undefined && Object.hasOwn(starts, word);
}

async function main(args: readonly string[]): Promise<void> {
  const [role, ...rest] = args;
  if (args.includes("--help")) {
    console.log(usage);
    return;
  }
  if (!isRole(role)) {
    console.error(role === undefined ? usage : `There is no role "${role}".\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  const start = await starts[role]();
  await start(process.env, rest);
}

await main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof ConfigError ? error.message : error);
  process.exit(1);
});
