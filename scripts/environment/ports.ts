import { execFile } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { basename } from "node:path";
import { promisify } from "node:util";
import { Problem } from "./problem.ts";
import { readCommandLine } from "./process-identity.ts";

/** What each port is for, by its distance from the base. */
const OFFSETS = {
  api: 0,
  ingress: 1,
  relay: 2,
  worker: 3,
  dispatchers: 4,
  inngest: 8,
  inngestConnectGateway: 9,
  inngestGatewayGrpc: 10,
  inngestExecutorGrpc: 11,
  postgres: 12,
  redis: 13,
  inngestRedis: 14,
} as const;

type PortName = keyof typeof OFFSETS;
export type PortPlan = Readonly<Record<PortName, number>>;

const DEFAULT_PORT_BASE = 4100;
const BASE_STEP = 100;
const MAX_PORT_BASE = 65_000;

/** Whether nobody listens on the port, on any address. */
function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Distinct free ports, outside the range from which systems take the ports of outgoing connections. Picked at random, so that two
 * callers at the same moment hardly meet.
 */
export async function findFreePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries += 1) {
    if (tries > 2000) throw new Problem({ what: "No free ports were found.", why: "2000 ports tried are in use.", todo: "stop what uses them." });
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    if (!found.has(port) && (await isPortFree(port))) found.add(port);
  }
  return [...found];
}

/** Free ports for everything at once, for tests. */
export async function findFreePlan(): Promise<PortPlan> {
  const ports = await findFreePorts(Object.keys(OFFSETS).length);
  return Object.fromEntries(Object.keys(OFFSETS).map((name, index) => [name, ports[index]])) as Record<PortName, number>;
}

function planOf(base: number): PortPlan {
  return Object.fromEntries(Object.entries(OFFSETS).map(([name, offset]) => [name, base + offset])) as Record<PortName, number>;
}

async function findTaken(plan: PortPlan): Promise<readonly string[]> {
  const taken: string[] = [];
  for (const [name, port] of Object.entries(plan)) {
    if (!(await isPortFree(port))) taken.push(`${port} (${name}) by ${await describePortUser(port)}`);
  }
  return taken;
}

/** Reads PORT_BASE; undefined when it is not set. Throws a Problem when it is no port. */
export function readPortBase(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const base = Number(text);
  if (Number.isInteger(base) && base >= 1024 && base <= MAX_PORT_BASE) return base;
  throw new Problem({
    what: "The port base cannot be used.",
    why: `it is "${text}"; it must be a whole number from 1024 to ${MAX_PORT_BASE}.`,
    todo: "set PORT_BASE (or --port-base) to such a number, for example 4200.",
  });
}

/**
 * The ports of this start. With a base that somebody asked for, a port in use is a Problem that names its user; with the default
 * base the whole plan moves on by hundreds until all of it is free, and `onMove` learns why.
 */
export async function planPorts(base: number | undefined, onMove: (text: string) => void): Promise<PortPlan> {
  const first = base ?? DEFAULT_PORT_BASE;
  for (let candidate = first; candidate <= first + 20 * BASE_STEP; candidate += BASE_STEP) {
    const plan = planOf(candidate);
    const taken = await findTaken(plan);
    if (taken.length === 0) return plan;
    if (base !== undefined) {
      throw new Problem({
        what: `With PORT_BASE ${base}, ports are in use already.`,
        why: taken.map((line) => `port ${line}`).join("\n"),
        todo: "stop what uses them, or choose another PORT_BASE (15 ports from it are used).",
      });
    }
    onMove(`in use: ${taken.join(", ")}; trying from ${candidate + BASE_STEP}`);
  }
  throw new Problem({ what: "No free range of ports was found.", why: `tried every hundred from ${first}.`, todo: "set PORT_BASE to a free range of 15 ports." });
}

/** Who listens on a port, as well as we may know: `node (pid 12)`, or `another process`. */
async function describePortUser(port: number): Promise<string> {
  return findListenerOnLinux(port) ?? (await findListenerByLsof(port)) ?? "another process";
}

function findListenerOnLinux(port: number): string | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readLines(table)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${hex}`) === true && fields[3] === "0A") inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of listNames("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const fd of listNames(`/proc/${pid}/fd`)) {
      if (inodes.has(readLink(`/proc/${pid}/fd/${fd}`))) return `${describeProgram(Number(pid))} (pid ${pid})`;
    }
  }
  return "a process of another user";
}

/** The program and, where it is a script, the script: `node main.ts`. Other arguments may hold secrets. */
function describeProgram(pid: number): string {
  const [program = "", script = ""] = readCommandLine(pid).split(" ");
  return `${basename(program) || "a process"}${/\.[cm]?[jt]s$/.test(script) ? ` ${script}` : ""}`;
}

async function findListenerByLsof(port: number): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"]);
    const pid = /^p(\d+)/m.exec(stdout)?.[1];
    return pid === undefined ? undefined : `${/^c(.+)/m.exec(stdout)?.[1] ?? "a process"} (pid ${pid})`;
  } catch {
    return undefined;
  }
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n");
  } catch {
    return [];
  }
}

function listNames(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function readLink(file: string): string {
  try {
    return readlinkSync(file);
  } catch {
    return "";
  }
}
