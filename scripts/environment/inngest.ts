import { mkdirSync } from "node:fs";
import type { ManagedProcess, Supervisor } from "./processes.ts";
import { waitUntilHealthy } from "./processes.ts";
import { childEnv } from "./state.ts";

export interface InngestOptions {
  readonly supervisor: Supervisor;
  readonly binary: string;
  readonly port: number;
  readonly connectGatewayPort: number;
  readonly gatewayGrpcPort: number;
  readonly executorGrpcPort: number;
  /** Its own database; without one it keeps a SQLite file in `dir`. */
  readonly postgresUri?: string;
  /** Its own Redis; without one its queue lives in its memory, with a snapshot each minute. */
  readonly redisUri?: string;
  readonly dir: string;
  /** Hexadecimal, of even length. */
  readonly signingKey: string;
  readonly eventKey: string;
  /** Where the worker serves its functions. */
  readonly sdkUrls: readonly string[];
  readonly logFile: string;
  readonly extraArgs?: readonly string[];
}

export interface InngestServer {
  readonly url: string;
  readonly process: ManagedProcess;
}

const START_TIMEOUT_MS = 60_000;

/** Starts the Inngest server on 127.0.0.1, without its UI (it has no login), and waits until it is healthy. */
export async function startInngest(options: InngestOptions): Promise<InngestServer> {
  mkdirSync(options.dir, { recursive: true });
  const url = `http://127.0.0.1:${options.port}`;
  const managed = await options.supervisor.start({
    name: "inngest",
    command: options.binary,
    args: ["--json", "--log-level", "warn", "start", ...serverArgs(options), ...(options.extraArgs ?? [])],
    env: childEnv({ DO_NOT_TRACK: "1", INNGEST_DISABLE_TELEMETRY: "true" }),
    cwd: options.dir,
    logFile: options.logFile,
    stopTimeoutMs: 15_000,
  });
  await waitUntilHealthy(managed, `${url}/health`, START_TIMEOUT_MS);
  return { url, process: managed };
}

function serverArgs(options: InngestOptions): readonly string[] {
  const values: readonly (readonly [string, string | number])[] = [
    ["--host", "127.0.0.1"],
    ["--port", options.port],
    ["--connect-gateway-port", options.connectGatewayPort],
    ["--connect-gateway-grpc-port", options.gatewayGrpcPort],
    ["--connect-executor-grpc-port", options.executorGrpcPort],
    ["--signing-key", options.signingKey],
    ["--event-key", options.eventKey],
    ["--retry-interval", 1],
    ["--poll-interval", 5],
    // With the default of 100 it exhausts a PostgreSQL of 100 connections and loses events that it answered with 200.
    ...(options.postgresUri === undefined ? [] : [["--postgres-uri", options.postgresUri] as const, ["--postgres-max-open-conns", 30] as const]),
    ...(options.redisUri === undefined ? [] : [["--redis-uri", options.redisUri] as const]),
    ["--sqlite-dir", options.dir],
    ...options.sdkUrls.map((sdkUrl) => ["--sdk-url", sdkUrl] as const),
  ];
  return ["--no-ui", ...values.flatMap(([flag, value]) => [flag, String(value)])];
}
