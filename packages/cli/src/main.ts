import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { runCommand } from "./program.ts";
import type { Terminal } from "./terminal.ts";

const stopping = new AbortController();
process.once("SIGINT", () => stopping.abort(new Error("Stopped.")));

/** Asks without showing what is typed. */
async function askSecret(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return await reader.question("", { signal: stopping.signal });
  } finally {
    reader.close();
    process.stderr.write("\n");
  }
}

const terminal: Terminal = {
  env: process.env,
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  readInput: () => text(process.stdin),
  askSecret: process.stdin.isTTY ? askSecret : undefined,
  signal: stopping.signal,
};

process.exitCode = await runCommand(process.argv.slice(2), terminal);
