import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describeExit } from "./processes.ts";
import { Problem } from "./problem.ts";

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** Standard output and standard error as they came, at most the last 1 MiB. */
  readonly output: string;
}

export interface CommandOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly input?: string;
  readonly timeoutMs?: number;
  /** Learns each line of output as it comes. */
  readonly onLine?: (line: string) => void;
}

const MAX_OUTPUT_CHARS = 1_048_576;
const running = new Set<number>();

/** Stops the commands that run right now; they are short-lived, so they get no deadline. */
export function stopCommands(): void {
  for (const pid of running) {
    try {
      process.kill(-pid, "SIGTERM");
    } catch {
      running.delete(pid);
    }
  }
}

/** Runs a command to its end and returns what it printed. Throws when it cannot be started; its exit code is the caller's to judge. */
export function runCommand(options: CommandOptions): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["pipe", "pipe", "pipe"],
      uid: options.uid,
      gid: options.gid,
      timeout: options.timeoutMs,
      // A group of its own: Ctrl-C reaches it through `stopCommands`, with everything it started.
      detached: true,
    });
    if (child.pid !== undefined) running.add(child.pid);
    let stdout = "";
    let output = "";
    const take = (chunk: string): void => {
      output = (output + chunk).slice(-MAX_OUTPUT_CHARS);
      for (const line of chunk.split("\n")) if (line.trim() !== "") options.onLine?.(line.trim());
    };
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout = (stdout + chunk).slice(-MAX_OUTPUT_CHARS);
      take(chunk);
    });
    child.stderr.setEncoding("utf8").on("data", take);
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    child.on("error", reject);
    child.on("close", (code, signal) => {
      if (child.pid !== undefined) running.delete(child.pid);
      resolve({ code, signal, stdout, output });
    });
  });
}

/** Runs a command that must succeed; else a Problem with the end of its output. */
export async function runOrFail(options: CommandOptions, told: { readonly what: string; readonly todo: string }): Promise<CommandResult> {
  const result = await runCommand(options).catch((error: unknown) => {
    throw new Problem({ ...told, why: error instanceof Error ? error.message : String(error) });
  });
  if (result.code === 0) return result;
  const tail = result.output.trimEnd().split("\n").slice(-20).join("\n");
  throw new Problem({ ...told, why: `${options.command} ${describeExit(result)}.\n${tail}` });
}

/** The full path of a program on the PATH; undefined when there is none. */
export function findOnPath(name: string): string | undefined {
  const candidates = (process.env["PATH"] ?? "").split(delimiter).filter((dir) => dir !== "");
  return candidates.map((dir) => join(dir, name)).find((file) => existsSync(file));
}

/** Whether this is root on a system with apt, where a missing program may be installed. */
export function mayInstallWithApt(): boolean {
  return process.platform === "linux" && process.getuid?.() === 0 && existsSync("/etc/debian_version") && findOnPath("apt-get") !== undefined;
}
