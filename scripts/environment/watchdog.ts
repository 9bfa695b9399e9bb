// Outlives the process that starts children and stops them when it is gone: its standard input is a pipe that the system closes with
// the owner, however that died. Lines are JSON: {"add": RecordedProcess}, {"remove": pid} or {"file": path}, a file
// that must not outlive the owner. Started by Supervisor alone.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { endProcess, type RecordedProcess } from "./process-identity.ts";

type Message = { readonly add: RecordedProcess } | { readonly remove: number } | { readonly file: string };

const files: string[] = [];
const watched = new Map<number, RecordedProcess>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Message;
  if ("add" in message) watched.set(message.add.pid, message.add);
  else if ("remove" in message) watched.delete(message.remove);
  else files.push(message.file);
}
for (const file of files) rmSync(file, { force: true });
for (const recorded of [...watched.values()].toReversed()) await endProcess(recorded);
process.exit(0);
