import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process as recorded on disk. `token` tells it from a later process that got the same pid. */
export interface RecordedProcess {
  readonly name: string;
  readonly pid: number;
  readonly token: string;
  readonly stopSignal: "SIGTERM" | "SIGINT";
  readonly stopTimeoutMs: number;
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** When the process with this pid started, as an opaque token; undefined when there is none (or it is a zombie). */
export function readStartToken(pid: number): string | undefined {
  if (process.platform === "linux") {
    try {
      // The command name in parentheses may hold spaces; what follows the last one is: state, ppid, … and starttime as the 20th.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" || fields[0] === "X" ? undefined : `${readBootId()}:${fields[19]}`;
    } catch {
      return undefined;
    }
  }
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    const [state = "", ...rest] = line.split(/\s+/);
    return line === "" || state.startsWith("Z") ? undefined : rest.join(" ");
  } catch {
    return undefined;
  }
}

/** The command line of a process, its arguments joined by blanks; empty when it cannot be read. */
export function readCommandLine(pid: number): string {
  try {
    if (process.platform === "linux") return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    return execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" });
  } catch {
    return "";
  }
}

/** Whether exactly this process still runs. */
export function isRunning(recorded: { readonly pid: number; readonly token: string }): boolean {
  return readStartToken(recorded.pid) === recorded.token;
}

/** Sends a signal to a process; one that is gone already is no error. */
function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

/** Kills a process and whatever shares its process group (our children lead a group each). */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    signalProcess(pid, "SIGKILL");
  }
}

/** Asks a process to stop and kills it when it has not after its deadline. Resolves when it is gone. */
export async function endProcess(recorded: RecordedProcess): Promise<"gone" | "stopped" | "killed"> {
  if (!isRunning(recorded)) return "gone";
  signalProcess(recorded.pid, recorded.stopSignal);
  const deadline = Date.now() + recorded.stopTimeoutMs;
  while (isRunning(recorded)) {
    if (Date.now() > deadline) {
      killGroup(recorded.pid);
      while (isRunning(recorded)) await sleep(20);
      return "killed";
    }
    await sleep(20);
  }
  return "stopped";
}
