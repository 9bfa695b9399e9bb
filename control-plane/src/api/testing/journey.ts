import type { NodeFailure } from "@fluxo/core/errors/failure";
import { nodeTiers } from "@fluxo/nodes/catalog";
import { claimExecutions, type ClaimResult } from "@fluxo/prisma/executions/claim";
import { recordNodes, type JournalRow } from "@fluxo/prisma/executions/journal";
import { settleExecutions, type Settlement } from "@fluxo/prisma/executions/settle";
import { uuidV7 } from "@fluxo/prisma/ids";
import type { Harness, TestTenant } from "./harness.ts";

/** Takes an execution as a worker would. */
export function claim({ pool }: Harness, tenant: TestTenant, executionId: string): Promise<ClaimResult> {
  return claimExecutions(pool, { tenantId: tenant.id, executionIds: [executionId], owner: "test", leaseMs: 60_000, nodeTiers: nodeTiers(), keepStarved: "never" });
}

/** Writes what one node did, under the first epoch. */
export async function record({ pool }: Harness, tenant: TestTenant, executionId: string, node: Partial<JournalRow> & Pick<JournalRow, "nodeId" | "position">): Promise<void> {
  const row: JournalRow = {
    tenantId: tenant.id,
    executionId,
    epoch: 1,
    item: 0,
    nodeType: "set",
    nodeName: node.nodeId,
    integration: null,
    status: "SUCCESS",
    attempt: 1,
    ports: ["main"],
    usage: null,
    output: null,
    payloadId: uuidV7.next(),
    failure: null,
    attempts: [],
    startedAt: new Date("2026-01-01T00:00:00.000Z"),
    completedAt: new Date("2026-01-01T00:00:00.250Z"),
    resumeAt: null,
    reason: null,
    ...node,
  };
  await recordNodes(pool, [row]);
}

/** Ends or suspends an execution, under the first epoch. */
export async function settle({ pool }: Harness, tenant: TestTenant, executionId: string, settlement: Settlement): Promise<void> {
  await settleExecutions(pool, [{ tenantId: tenant.id, executionId, epoch: 1, payloadId: uuidV7.next(), settlement }]);
}

/** A failed attempt. */
export function failureOf(nodeId: string, attempt: number, occurredAt: string): NodeFailure {
  return { nodeId, name: nodeId, type: "http.request", integration: "http", message: "The provider answered 503.", errorClass: "SERVER", code: "PROVIDER_FAILED", occurredAt, attempt };
}
