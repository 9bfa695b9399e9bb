import { createHash } from "node:crypto";
import type { OperationTurn } from "@fluxo/prisma/operations/turns";
import { beginArchive, eraseAudit, eraseSome, finishErasure, listArchiveParts, readArchivePart, readForArchive, readSubject, readTask, sealArchive, stopTenant, writeArchivePart } from "@fluxo/prisma/off-boarding/work";
import type { Logger } from "@fluxo/runtime/logger";
import type { OperationWork, TurnEnd } from "../operation-worker.ts";
import { packFile } from "./archive.ts";

/** Connections of one role. */
type Db = Parameters<typeof stopTenant>[0];

export interface OffBoardingPorts {
  /** Connections of fluxo_system. */
  readonly system: Db;
  /** Connections of fluxo_app: acts for one tenant at a time. */
  readonly app: Db;
  readonly logger: Logger;
  /** Deletes what Redis holds of a tenant. @returns how many keys */
  readonly eraseSignals: (tenantId: string) => Promise<number>;
  /** Executions that one turn stops. */
  readonly stopMax?: number;
  /** About how many bytes of rows make a part of the archive. */
  readonly partBytes?: number;
  /** Rows that one statement deletes. */
  readonly eraseMax?: number;
}

const STOP_MAX = 500;
const PART_BYTES = 4 * 1024 * 1024;
const ERASE_MAX = 5_000;
/** Between two looks at what has to end by itself: executions whose workers were told, transactions, the sums of usage. */
const STOPPING_REST_MS = 500;
const TENANT_FILE = "tenant.json";
const CONTENTS_FILE = "contents.json";

/** Off-boardings: stop, archive, erase. A turn is a statement or two, and what it did is committed with how far it came. */
export class OffBoardings implements OperationWork {
  readonly kind = "off_boarding";
  readonly intervalMs = 0;
  readonly #ports: OffBoardingPorts;

  constructor(ports: OffBoardingPorts) {
    this.#ports = ports;
  }

  async turn(turn: OperationTurn): Promise<TurnEnd> {
    const { tenantId, status } = await readTask(this.#ports.system, turn);
    switch (status) {
      case "STOPPING":
        return this.#stopTenant(turn, tenantId);
      case "EXPORTING":
        await this.#archive(turn, tenantId);
        return { worked: 1 };
      case "ERASING":
        await this.#erase(turn, tenantId);
        return { worked: 1 };
      default:
        return status satisfies never;
    }
  }

  async #stopTenant(turn: OperationTurn, tenantId: string): Promise<TurnEnd> {
    const { system, app, stopMax = STOP_MAX } = this.#ports;
    const { leftOver, running } = await stopTenant(app, turn, tenantId, stopMax);
    const canceled = running.map((executionId) => ({ tenantId, executionId }));
    const goesOnAtOnce = (await beginArchive(system, turn)) || (running.length === 0 && leftOver >= stopMax);
    return { worked: 1, canceled, restMs: goesOnAtOnce ? 0 : STOPPING_REST_MS };
  }

  async #archive(turn: OperationTurn, tenantId: string): Promise<void> {
    const { system, partBytes = PART_BYTES } = this.#ports;
    const { tableName, part: position, lines, lastKey, isLast } = await readForArchive(system, turn, partBytes);
    if (tableName === undefined) return this.#closeArchive(turn, tenantId, position);
    const progress = { tableName, lastKey, isLast };
    if (lines.length === 0) return writeArchivePart(system, turn, { position, fileName: "", rows: 0, bytes: 0, sha256: "" }, progress, undefined);
    const { content, ...file } = await packFile(`${tableName}/${String(position).padStart(6, "0")}.ndjson`, `${lines.join("\n")}\n`, false);
    return writeArchivePart(system, turn, { position, rows: lines.length, ...file }, progress, content);
  }

  /** The tenant itself, the table of contents, the checksum over all. A repeat after a crash finds the files that it has written and goes on behind them. */
  async #closeArchive(turn: OperationTurn, tenantId: string, partsSoFar: number): Promise<void> {
    const { system } = this.#ports;
    const names = new Set((await listArchiveParts(system, turn)).map(({ fileName }) => fileName));
    let position = partsSoFar;
    if (!names.has(TENANT_FILE)) {
      const { content, ...file } = await packFile(TENANT_FILE, `${await readSubject(system, turn)}\n`, false);
      await writeArchivePart(system, turn, { position, rows: 1, ...file }, undefined, content);
      position += 1;
    }
    if (!names.has(CONTENTS_FILE)) {
      const files = (await listArchiveParts(system, turn)).map(({ fileName, rows, bytes, sha256 }) => ({ fileName, rows, bytes, sha256 }));
      const { content, ...file } = await packFile(CONTENTS_FILE, `${JSON.stringify({ version: 1, tenantId, offBoardingId: turn.id, files }, null, 2)}\n`, true);
      await writeArchivePart(system, turn, { position, rows: 0, ...file }, undefined, content);
    }
    const digest = createHash("sha256");
    let bytes = 0;
    for (const { position: part } of await listArchiveParts(system, turn)) {
      const content = await readArchivePart(system, turn, part);
      digest.update(content);
      bytes += content.byteLength;
    }
    await sealArchive(system, turn, digest.digest("hex"), bytes);
  }

  async #erase(turn: OperationTurn, tenantId: string): Promise<void> {
    const { system, logger, eraseSignals, eraseMax = ERASE_MAX } = this.#ports;
    const { tableName } = await eraseSome(system, turn, eraseMax);
    if (tableName !== undefined) return;
    await eraseAudit(system, tenantId);
    const keys = await eraseSignals(tenantId);
    if (await finishErasure(system, turn, keys)) logger.info({ tenantId, offBoardingId: turn.id }, "a tenant is erased");
  }
}
