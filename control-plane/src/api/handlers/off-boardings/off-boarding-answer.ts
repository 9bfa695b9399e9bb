import type { offBoardingRoutes } from "@fluxo/contracts/http/off-boardings";
import type { Doer, OffBoardingRecord, OffBoardingTableRecord } from "@fluxo/prisma/off-boarding/off-boardings";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

type Summary = z.input<(typeof offBoardingRoutes)["abortOffBoarding"]["responses"][200]["body"]>;
type Whole = z.input<(typeof offBoardingRoutes)["getOffBoarding"]["responses"][200]["body"]>;

/** An off-boarding as lists answer it. */
export function toOffBoardingSummary({ id, tenantId, status, isParked, requestedAt, requestedBy, waitsFor, archivesDiscarded, archive, acknowledgement, erasure, completedAt }: OffBoardingRecord): Summary {
  return {
    id,
    tenantId,
    status,
    isParked,
    requestedAt: toInstant(requestedAt),
    requestedBy: toDoer(requestedBy),
    waitsFor: waitsFor === null ? null : { what: waitsFor.what, count: waitsFor.count, since: toInstant(waitsFor.since) },
    archivesDiscarded,
    archive: archive === null ? null : { readyAt: toInstant(archive.readyAt), sha256: archive.sha256, bytes: archive.bytes },
    acknowledgement: acknowledgement === null ? null : { at: toInstant(acknowledgement.at), by: toDoer(acknowledgement.by) },
    erasure:
      erasure === null
        ? null
        : {
            requestedAt: toInstant(erasure.requestedAt),
            requestedBy: toDoer(erasure.requestedBy),
            keysDestroyedAt: toInstant(erasure.keysDestroyedAt),
            redisKeysDeleted: erasure.redisKeysDeleted,
            externalIdHash: erasure.externalIdHash,
          },
    completedAt: toInstant(completedAt),
  };
}

/** An off-boarding with what became of each table. */
export function toOffBoardingAnswer(record: OffBoardingRecord, tables: readonly OffBoardingTableRecord[]): Whole {
  return { ...toOffBoardingSummary(record), tables: tables.map((table) => ({ ...table })) };
}

function toDoer({ kind, id }: Doer): Summary["requestedBy"] {
  return { kind, id };
}
