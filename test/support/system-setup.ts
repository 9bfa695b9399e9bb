import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startSink } from "./sink.ts";
import { startSystem } from "./system.ts";

/** What the shared system tells the test files. */
export interface SharedSystem {
  readonly apiUrl: string;
  readonly ingressUrl: string;
  readonly workerUrl: string;
  readonly relayUrl: string;
  readonly databaseUrl: string;
  readonly adminKey: string;
  readonly agencyId: string;
  readonly strangerKey: string;
  readonly sinkUrl: string;
  readonly logDir: string;
}

declare module "vitest" {
  interface ProvidedContext {
    system: SharedSystem;
  }
}

/** Starts one system for all end-to-end files. Tests keep apart by tenants of their own; those that break processes start their own system. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), "fluxo-e2e-"));
  const sink = await startSink();
  // Heartbeats are so far apart that what is told by a message is not found out by them before.
  const system = await startSystem({ dir, allowedPrivateHosts: [`127.0.0.1:${sink.port}`], extraEnv: { WORKER_LEASE_MS: "60000" } });
  project.provide("system", {
    apiUrl: system.apiUrl,
    ingressUrl: system.ingressUrl,
    workerUrl: system.workerUrl,
    relayUrl: system.relayUrl,
    databaseUrl: system.databaseUrl,
    adminKey: system.adminKey,
    agencyId: system.agencyId,
    strangerKey: system.strangerKey,
    sinkUrl: sink.url,
    logDir: system.logDir,
  });
  return async () => {
    await system.stop();
    await sink.stop();
    if (process.env["FLUXO_KEEP_LOGS"] === undefined) rmSync(dir, { recursive: true, force: true });
    else console.log(`Logs are in ${dir}.`);
  };
}
