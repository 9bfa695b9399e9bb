import { createHash } from "node:crypto";
import type { CancelMessage } from "@fluxo/contracts/channels/cancel";
import type { Clock } from "@fluxo/core/ports/clock";
import {
  beginArchive, claimOffBoardings, eraseAudit, eraseSome, finishErasure, listArchiveParts, readArchivePart, readForArchive, readSubject, releaseOffBoarding, sealArchive, stopTenant, writeArchivePart,
  type LeasedOffBoarding,
} from "@fluxo/prisma/off-boarding/work";
import type { Logger } from "@fluxo/runtime/logger";
import { packFile } from "./archive.ts";

/** Connections of one role. */
type Db = Parameters<typeof claimOffBoardings>[0];

export interface OffBoardingWorkerOptions {
  /** Connections of fluxo_system. */
  readonly system: Db;
  /** Connections of fluxo_app: acts for one tenant at a time. */
  readonly app: Db;
  /** Names this process in its leases; unique among processes. */
  readonly owner: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells running workers of a cancel. Best effort. */
  readonly publishCancel: (message: CancelMessage) => Promise<void>;
  /** Deletes what Redis holds of a tenant. @returns how many keys */
  readonly eraseSignals: (tenantId: string) => Promise<number>;
  /** Executions that one turn stops. */
  readonly stopMax?: number;
  /** About how many bytes of rows make a part of the archive. */
  readonly partBytes?: number;
  /** Rows that one statement deletes. */
  readonly eraseMax?: number;
  /** How long transactions that began before the off-boarding may still commit. */
  readonly graceMs?: number;
  readonly leaseMs?: number;
  readonly intervalMs?: number;
}

const STOP_MAX = 500;
const PART_BYTES = 4 * 1024 * 1024;
const ERASE_MAX = 5_000;
const GRACE_MS = 3_000;
const LEASE_MS = 60_000;
const INTERVAL_MS = 1_000;
const OFF_BOARDINGS_MAX = 10;
/** Between two looks at executions whose workers were asked to end them. */
const STOPPING_REST_MS = 500;
/** After a turn that failed. */
const FAILED_REST_MS = 5_000;

/**
 * Works on off-boardings, a turn of each after the other: stop, archive, erase. A turn is a statement or two, and what it did is committed with how far it
 * came: a process that dies loses its lease and nothing else.
 */
export class OffBoardingWorker {
  readonly #options: OffBoardingWorkerOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: OffBoardingWorkerOptions) {
    this.#options = options;
  }

  /** One round: a turn of each off-boarding that is due. @returns how many had one. @throws when PostgreSQL fails */
  async tick(): Promise<number> {
    const { system, owner, logger, leaseMs = LEASE_MS } = this.#options;
    const leased = await claimOffBoardings(system, owner, leaseMs, OFF_BOARDINGS_MAX);
    for (const offBoarding of leased) {
      const restMs = await this.#turn(offBoarding).catch((error: unknown) => {
        logger.error({ err: error, tenantId: offBoarding.tenantId, offBoardingId: offBoarding.id }, "turn of an off-boarding failed; it is repeated");
        return FAILED_REST_MS;
      });
      await releaseOffBoarding(system, offBoarding, restMs);
    }
    return leased.length;
  }

  start(): void {
    this.#loop ??= this.#work();
  }

  /** Resolves when the round that runs is finished. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  /** @returns how long the next turn has time, in milliseconds */
  #turn(offBoarding: LeasedOffBoarding): Promise<number> {
    switch (offBoarding.status) {
      case "STOPPING":
        return this.#stopTenant(offBoarding);
      case "EXPORTING":
        return this.#archive(offBoarding);
      case "ERASING":
        return this.#erase(offBoarding);
      default:
        return offBoarding.status satisfies never;
    }
  }

  async #stopTenant(offBoarding: LeasedOffBoarding): Promise<number> {
    const { system, app, logger, publishCancel, stopMax = STOP_MAX, graceMs = GRACE_MS } = this.#options;
    const { leftOver, running } = await stopTenant(app, offBoarding.tenantId, stopMax);
    await Promise.all(running.map((executionId) => publishCancel({ version: 1, tenantId: offBoarding.tenantId, executionId }))).catch((error: unknown) => logger.warn({ err: error }, "workers were not told of a cancel; they see it at their next heartbeat"));
    if (leftOver > 0) return running.length > 0 || leftOver < stopMax ? STOPPING_REST_MS : 0;
    return (await beginArchive(system, offBoarding, graceMs)) ? 0 : STOPPING_REST_MS;
  }

  async #archive(offBoarding: LeasedOffBoarding): Promise<number> {
    const { system, partBytes = PART_BYTES } = this.#options;
    const rows = await readForArchive(system, offBoarding, partBytes);
    if (rows === undefined) return 0;
    const { tableName, part: position, lines, lastKey, isLast } = rows;
    if (tableName === undefined) {
      await this.#closeArchive(offBoarding, position);
      return 0;
    }
    const progress = { tableName, lastKey, isLast };
    if (lines.length === 0) {
      await writeArchivePart(system, offBoarding, { position, fileName: "", rows: 0, bytes: 0, sha256: "" }, progress, undefined);
      return 0;
    }
    const { content, ...file } = await packFile(`${tableName}/${String(position).padStart(6, "0")}.ndjson`, `${lines.join("\n")}\n`, false);
    await writeArchivePart(system, offBoarding, { position, rows: lines.length, ...file }, progress, content);
    return 0;
  }

  /** The tenant itself, the table of contents, the checksum over all. A repeat after a crash finds the files that it has written and goes on behind them. */
  async #closeArchive(offBoarding: LeasedOffBoarding, partsSoFar: number): Promise<void> {
    const { system } = this.#options;
    const parts = await listArchiveParts(system, offBoarding);
    const subject = await readSubject(system, offBoarding);
    if (subject === undefined) return;
    let position = partsSoFar;
    const names = new Set(parts.map(({ fileName }) => fileName));
    if (!names.has(TENANT_FILE)) {
      const { content, ...file } = await packFile(TENANT_FILE, `${subject}\n`, false);
      if (!(await writeArchivePart(system, offBoarding, { position, rows: 1, ...file }, undefined, content))) return;
      position += 1;
    }
    if (!names.has(CONTENTS_FILE)) {
      const files = (await listArchiveParts(system, offBoarding)).map(({ fileName, rows, bytes, sha256 }) => ({ fileName, rows, bytes, sha256 }));
      const { content, ...file } = await packFile(CONTENTS_FILE, `${JSON.stringify({ version: 1, tenantId: offBoarding.tenantId, offBoardingId: offBoarding.id, files }, null, 2)}\n`, true);
      if (!(await writeArchivePart(system, offBoarding, { position, rows: 0, ...file }, undefined, content))) return;
    }
    const digest = createHash("sha256");
    let bytes = 0;
    for (const { position: part } of await listArchiveParts(system, offBoarding)) {
      const content = await readArchivePart(system, offBoarding, part);
      digest.update(content);
      bytes += content.byteLength;
    }
    await sealArchive(system, offBoarding, digest.digest("hex"), bytes);
  }

  async #erase(offBoarding: LeasedOffBoarding): Promise<number> {
    const { system, logger, eraseSignals, eraseMax = ERASE_MAX } = this.#options;
    const step = await eraseSome(system, offBoarding, eraseMax);
    if (step === undefined || step.tableName !== undefined) return 0;
    await eraseAudit(system, offBoarding.tenantId);
    const keys = await eraseSignals(offBoarding.tenantId);
    if (await finishErasure(system, offBoarding, keys)) logger.info({ tenantId: offBoarding.tenantId, offBoardingId: offBoarding.id }, "a tenant is erased");
    return 0;
  }

  async #work(): Promise<void> {
    const { clock, logger, intervalMs = INTERVAL_MS } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const worked = await this.tick().catch((error: unknown) => {
        logger.error({ err: error }, "round of off-boardings failed");
        return 0;
      });
      if (worked === 0) await clock.sleep(intervalMs, this.#stopping.signal).catch(() => undefined);
    }
  }
}

const TENANT_FILE = "tenant.json";
const CONTENTS_FILE = "contents.json";
