import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { UsageError } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

const configSchema = z.strictObject({ url: z.url(), apiKey: z.string().min(1), tenantId: z.uuid().optional() });

/** Who talks to which Fluxo, on behalf of which tenant. */
export type Config = z.output<typeof configSchema>;

/** Where the configuration is: FLUXO_CONFIG, else the place that the system has for such files. */
export function configPath(env: Terminal["env"]): string {
  return env["FLUXO_CONFIG"] ?? join(env["XDG_CONFIG_HOME"] ?? join(env["HOME"] ?? homedir(), ".config"), "fluxo", "config.json");
}

/** @returns undefined when there is none @throws UsageError for one that cannot be read */
export function readConfig(env: Terminal["env"]): Config | undefined {
  const path = configPath(env);
  if (!existsSync(path)) return undefined;
  try {
    return configSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    // The reason would quote the file, and the file holds the key.
    throw new UsageError(`${path} is not a configuration of fluxo; log in again.`);
  }
}

/** Writes the configuration so that nobody else can read it, at no moment. */
export function writeConfig(env: Terminal["env"], config: Config): string {
  const path = configPath(env);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writePrivate(path, `${JSON.stringify(config, null, 2)}\n`);
  return path;
}

/** A file that only its owner reads, in the place of whatever was there. */
export function writePrivate(path: string, content: string): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, content, { mode: 0o600, flag: "wx" });
  chmodSync(draft, 0o600);
  renameSync(draft, path);
}

/** @returns whether there was one */
export function removeConfig(env: Terminal["env"]): boolean {
  const path = configPath(env);
  const isThere = existsSync(path);
  rmSync(path, { force: true });
  return isThere;
}
