import { parseArgs, type ParseArgsOptionsConfig } from "node:util";
import { messageOf } from "./problem.ts";

/** Parses command-line options; with an unknown or malformed one it says so, prints `help` and ends the process with code 2. */
export function readOptions<T extends ParseArgsOptionsConfig>(config: T, help: string): ReturnType<typeof parseArgs<{ options: T; strict: true }>>["values"] {
  try {
    return parseArgs({ options: config, strict: true, allowPositionals: false }).values;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${help}`);
    return process.exit(2);
  }
}
