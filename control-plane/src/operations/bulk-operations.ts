import type { IdSource } from "@fluxo/core/ports/clock";
import { workBulkOperation } from "@fluxo/prisma/executions/bulk";
import type { Logger } from "@fluxo/runtime/logger";
import type { OperationWork } from "./operation-worker.ts";

export interface BulkOperationPorts {
  /** Connections of fluxo_app: acts for one tenant at a time. */
  readonly app: Parameters<typeof workBulkOperation>[0];
  readonly ids: IdSource;
  readonly logger: Logger;
  /** Executions of one operation in one turn. */
  readonly batchMax?: number;
}

const BATCH_MAX = 50;

/** Bulk operations: a turn changes as many executions as the pace allows, in one transaction with the marks that they are done. */
export function bulkOperations({ app, ids, logger, batchMax = BATCH_MAX }: BulkOperationPorts): OperationWork {
  return {
    kind: "bulk",
    intervalMs: 250,
    async turn(turn) {
      const { scopeId: tenantId, id } = turn;
      const { worked, isFinished, asked } = await workBulkOperation(app, turn, Array.from({ length: 2 * batchMax }, () => ids.next()));
      if (isFinished) logger.info({ tenantId, bulkOperationId: id }, "bulk operation is done");
      return { worked, canceled: asked.map((executionId) => ({ tenantId, executionId })) };
    },
  };
}
