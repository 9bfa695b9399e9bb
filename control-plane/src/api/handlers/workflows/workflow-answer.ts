import type { versionSchema, workflowSchema } from "@fluxo/contracts/http/workflows";
import type { VersionRecord } from "@fluxo/prisma/repositories/workflow-versions";
import type { WorkflowRecord } from "@fluxo/prisma/repositories/workflows";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A workflow as it is answered. */
export function toWorkflowAnswer(workflow: WorkflowRecord): z.input<typeof workflowSchema> {
  return { ...workflow, archivedAt: toInstant(workflow.archivedAt), createdAt: toInstant(workflow.createdAt), updatedAt: toInstant(workflow.updatedAt) };
}

/** A version as it is answered, without its graph. */
export function toVersionAnswer(version: VersionRecord): z.input<typeof versionSchema> {
  return {
    id: version.id,
    workflowId: version.workflowId,
    number: version.number,
    contentHash: version.contentHash,
    nodeCount: version.nodeCount,
    nodeTypes: [...version.nodeTypes],
    publishedAt: toInstant(version.publishedAt),
    publishedBy: version.publishedBy,
  };
}
