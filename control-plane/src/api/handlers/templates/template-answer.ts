import type { installationSchema, templateSchema, templateVersionSchema } from "@fluxo/contracts/http/templates";
import type { jsonChangeSchema } from "@fluxo/contracts/http/workflows";
import type { Json } from "@fluxo/core/json";
import type { MergeConflict } from "@fluxo/core/workflow-templates/merge";
import { templateLocksSchema } from "@fluxo/core/workflow-templates/locks";
import { parameterValuesSchema } from "@fluxo/core/workflow-templates/parameters";
import type { InstallationRecord } from "@fluxo/prisma/repositories/template-installations";
import type { TemplateRecord, TemplateVersionRecord } from "@fluxo/prisma/repositories/workflow-templates";
import type { z } from "zod";
import { toInstant } from "../instants.ts";

/** A template as it is answered. */
export function toTemplateAnswer(template: TemplateRecord): z.input<typeof templateSchema> {
  return { ...template, createdAt: toInstant(template.createdAt), updatedAt: toInstant(template.updatedAt) };
}

/** A version as it is answered, without what it is made of. */
export function toTemplateVersionAnswer({ id, templateId, number, note, contentHash, createdAt, createdBy }: TemplateVersionRecord): z.input<typeof templateVersionSchema> {
  return { id, templateId, number, note, contentHash, createdAt: toInstant(createdAt), createdBy };
}

/** An installation as it is answered. */
export function toInstallationAnswer(installation: InstallationRecord): z.input<typeof installationSchema> {
  const { tenantId, templateId, workflowId, versionNumber, refusal, overrides, conflicts } = installation;
  return {
    tenantId,
    templateId,
    workflowId,
    versionNumber,
    parameters: parameterValuesSchema.parse(installation.parameters),
    hasPrevious: installation.previousVersionId !== null,
    overrides: listOf<z.input<typeof jsonChangeSchema>>(overrides),
    locks: templateLocksSchema.parse(installation.locks),
    refusal: refusal === null ? null : { ...refusal, conflicts: listOf<MergeConflict>(conflicts).map(toConflictAnswer) },
    createdAt: toInstant(installation.createdAt),
    updatedAt: toInstant(installation.updatedAt),
  };
}

/** A conflict as it is answered. */
export function toConflictAnswer(conflict: MergeConflict): { path: string; isLocked: boolean; base?: unknown; tenant?: unknown; template?: unknown } {
  return { ...conflict };
}

/** A stored list, which Fluxo alone writes. */
function listOf<T>(stored: Json): T[] {
  return Array.isArray(stored) ? (stored as T[]) : [];
}
