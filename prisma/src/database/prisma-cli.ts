import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../", import.meta.url));
const prismaEntry = createRequire(import.meta.url).resolve("prisma/build/index.js");

/** How a call of Prisma's command line ended. */
export interface PrismaCliResult {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * Runs Prisma's command line on the WebAssembly schema engine, so that no native engine is downloaded.
 * @param args for example `["migrate", "deploy"]`
 * @param databaseUrl the owner's connection; generating a client needs none
 */
export function prismaCli(args: readonly string[], databaseUrl?: string): Promise<PrismaCliResult> {
  const child = spawn(process.execPath, [prismaEntry, ...args, "--config", "prisma.config.ts"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
      PRISMA_SCHEMA_ENGINE_BINARY: fileURLToPath(new URL("../schema-engine.mjs", import.meta.url)),
      PRISMA_HIDE_UPDATE_MESSAGE: "1",
      CHECKPOINT_DISABLE: "1",
    },
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ exitCode: code ?? 1, output: output.trim() }));
  });
}
