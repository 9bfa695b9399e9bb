import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { messageOf, Problem, tailOf } from "./problem.ts";
import { endProcess, isRunning, killGroup, readStartToken, type RecordedProcess } from "./process-identity.ts";

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ProcessOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment of the child; nothing is inherited beside it. */
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly cwd?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** What asks it to stop; SIGTERM unless said. */
  readonly stopSignal?: "SIGTERM" | "SIGINT";
  /** How long it may take to stop before it is killed; 20 s unless said. */
  readonly stopTimeoutMs?: number;
  /** Neighbors of the same group are stopped side by side; all others one after the other. */
  readonly group?: string;
}

export interface ManagedProcess extends RecordedProcess {
  readonly logFile: string;
  readonly group: string;
  /** Resolves when the process has ended, for whatever reason. */
  readonly exited: Promise<ProcessExit>;
}

interface StateFile {
  readonly owner: { readonly pid: number; readonly token: string };
  readonly processes: readonly RecordedProcess[];
}

/** How an exit reads in a sentence. */
export function describeExit(exit: ProcessExit): string {
  return exit.signal === null ? `ended with code ${exit.code}` : `was ended by ${exit.signal}`;
}

/**
 * Owns child processes: each has a log file and a process group of its own (so that Ctrl-C reaches only us), is recorded in
 * `stateFile`, and is stopped by a watchdog when we die without stopping it.
 */
export class Supervisor {
  readonly #stateFile: string;
  readonly #processes: ManagedProcess[] = [];
  readonly #expected = new Set<number>();
  readonly #onUnexpectedExit: (process: ManagedProcess, exit: ProcessExit) => void;
  #watchdog: ChildProcess | undefined;
  #isClosed = false;

  constructor(options: { readonly stateFile: string; readonly onUnexpectedExit?: (process: ManagedProcess, exit: ProcessExit) => void }) {
    this.#stateFile = options.stateFile;
    this.#onUnexpectedExit = options.onUnexpectedExit ?? (() => undefined);
    this.#save();
  }

  /** The processes that run, in the order of their start. */
  get processes(): readonly ManagedProcess[] {
    return this.#processes;
  }

  /** Starts a child with its output going to its log file. Throws a Problem when the command cannot be started. */
  async start(options: ProcessOptions): Promise<ManagedProcess> {
    if (this.#isClosed) throw new Problem({ what: `${options.name} was not started.`, why: "everything is being stopped.", todo: "start again." });
    mkdirSync(dirname(options.logFile), { recursive: true });
    if (existsSync(options.logFile)) renameSync(options.logFile, options.logFile.replace(/(\.log)?$/, ".previous.log"));
    const log = openSync(options.logFile, "a", 0o600);
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ["ignore", log, log],
      detached: true,
      uid: options.uid,
      gid: options.gid,
    });
    const exited = new Promise<ProcessExit>((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
    const failure = new Promise<Error>((resolve) => child.once("error", resolve));
    closeSync(log);
    if (child.pid === undefined) {
      throw new Problem({
        what: `${options.name} could not be started.`,
        why: messageOf(await failure),
        todo: `check that ${options.command} exists and may be executed.`,
      });
    }
    const managed: ManagedProcess = {
      name: options.name,
      pid: child.pid,
      token: readStartToken(child.pid) ?? "gone",
      stopSignal: options.stopSignal ?? "SIGTERM",
      stopTimeoutMs: options.stopTimeoutMs ?? 20_000,
      logFile: options.logFile,
      group: options.group ?? options.name,
      exited,
    };
    this.#processes.push(managed);
    this.#tellWatchdog({ add: managed });
    this.#save();
    void exited.then((exit) => this.#forget(managed, exit));
    return managed;
  }

  /** Stops one child: its signal, then SIGKILL after its deadline. */
  async stop(managed: ManagedProcess): Promise<"gone" | "stopped" | "killed"> {
    this.#expected.add(managed.pid);
    const outcome = await endProcess(managed);
    await managed.exited;
    return outcome;
  }

  /** Stops all children, the last started first; none can be started afterwards. */
  async stopAll(onStop: (names: string) => void = () => undefined): Promise<void> {
    this.#isClosed = true;
    for (const managed of this.#processes) this.#expected.add(managed.pid);
    while (this.#processes.length > 0) {
      const last = this.#processes.at(-1);
      const group = this.#processes.filter((managed) => managed.group === last?.group);
      onStop(group.map((managed) => managed.name).join(", "));
      await Promise.all(group.map((managed) => this.stop(managed)));
    }
    this.#watchdog?.stdin?.end();
    this.#watchdog = undefined;
    rmSync(this.#stateFile, { force: true });
  }

  /** Kills all children at once; for a second Ctrl-C. */
  killAll(): void {
    this.#isClosed = true;
    for (const managed of this.#processes) this.#expected.add(managed.pid);
    for (const managed of this.#processes.toReversed()) killGroup(managed.pid);
    rmSync(this.#stateFile, { force: true });
  }

  /** Has a file removed when we die without stopping. */
  removeOnCrash(file: string): void {
    this.#tellWatchdog({ file });
  }

  #forget(managed: ManagedProcess, exit: ProcessExit): void {
    this.#processes.splice(this.#processes.indexOf(managed), 1);
    this.#tellWatchdog({ remove: managed.pid });
    this.#save();
    if (!this.#expected.delete(managed.pid)) this.#onUnexpectedExit(managed, exit);
  }

  #tellWatchdog(message: { readonly add: RecordedProcess } | { readonly remove: number } | { readonly file: string }): void {
    this.#watchdog ??= startWatchdog();
    this.#watchdog.stdin?.write(`${JSON.stringify("add" in message ? { add: toRecord(message.add) } : message)}\n`);
  }

  #save(): void {
    const owner = { pid: process.pid, token: readStartToken(process.pid) ?? "" };
    const state: StateFile = { owner, processes: this.#processes.map(toRecord) };
    mkdirSync(dirname(this.#stateFile), { recursive: true });
    writeFileSync(`${this.#stateFile}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
    renameSync(`${this.#stateFile}.new`, this.#stateFile);
  }
}

function toRecord({ name, pid, token, stopSignal, stopTimeoutMs }: RecordedProcess): RecordedProcess {
  return { name, pid, token, stopSignal, stopTimeoutMs };
}

function startWatchdog(): ChildProcess {
  const script = fileURLToPath(new URL("./watchdog.ts", import.meta.url));
  const watchdog = spawn(process.execPath, [script], { stdio: ["pipe", "ignore", "ignore"], detached: true, env: { PATH: process.env["PATH"] } });
  watchdog.on("error", () => undefined);
  watchdog.stdin?.on("error", () => undefined);
  watchdog.unref();
  if (watchdog.stdin !== null && "unref" in watchdog.stdin && typeof watchdog.stdin.unref === "function") watchdog.stdin.unref();
  return watchdog;
}

/** What `stateFile` says: nothing, an owner that still runs, or what a crashed owner left behind. */
export function readLeftovers(stateFile: string): { readonly ownerPid?: number; readonly processes: readonly RecordedProcess[] } {
  if (!existsSync(stateFile)) return { processes: [] };
  try {
    const state = JSON.parse(readFileSync(stateFile, "utf8")) as StateFile;
    const processes = state.processes.filter(isRunning);
    return isRunning(state.owner) ? { ownerPid: state.owner.pid, processes } : { processes };
  } catch {
    return { processes: [] };
  }
}

/** Stops what a crashed owner left running, the last started first, and forgets it. Returns the names of what it stopped. */
export async function stopLeftovers(stateFile: string): Promise<readonly string[]> {
  const { processes } = readLeftovers(stateFile);
  for (const recorded of processes.toReversed()) await endProcess(recorded);
  rmSync(stateFile, { force: true });
  return processes.map((recorded) => recorded.name);
}

/**
 * Polls `probe` until it answers true. Throws a Problem with the end of the log when the process ends before, or when
 * `timeoutMs` have passed.
 */
export async function waitUntil(process: ManagedProcess, timeoutMs: number, probe: () => Promise<boolean>): Promise<void> {
  let exit: ProcessExit | undefined;
  void process.exited.then((result) => (exit = result));
  const deadline = Date.now() + timeoutMs;
  let lastError = "it does not answer";
  for (;;) {
    try {
      if (await probe()) return;
    } catch (error) {
      lastError = messageOf(error);
    }
    const reason = exit === undefined ? `not ready after ${timeoutMs / 1000} s: ${lastError}` : `it ${describeExit(exit)}`;
    if (exit !== undefined || Date.now() > deadline) {
      throw new Problem({
        what: `${process.name} did not start.`,
        why: `${reason}. The end of its log:\n${tailOf(process.logFile)}`,
        todo: `read ${process.logFile}; when the reason is gone, type the same command again.`,
      });
    }
    await sleep(50);
  }
}

/** Waits until a URL answers with a 2xx status. */
export function waitUntilHealthy(process: ManagedProcess, url: string, timeoutMs: number): Promise<void> {
  return waitUntil(process, timeoutMs, async () => {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
    const body = await response.text();
    if (!response.ok) throw new Error(`${url} answers ${response.status} ${body.slice(0, 300)}`);
    return true;
  });
}
