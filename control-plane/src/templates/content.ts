import { graphSchema, type Graph } from "@fluxo/core/graph/graph";
import { templateLocksSchema, type TemplateLock } from "@fluxo/core/workflow-templates/locks";
import { templateParametersSchema, type TemplateParameter } from "@fluxo/core/workflow-templates/parameters";
import type { TemplateVersionContent } from "@fluxo/prisma/repositories/workflow-templates";

/** A version of a template as it is worked with. */
export interface TemplateContent {
  readonly id: string;
  readonly templateId: string;
  readonly number: number;
  readonly graph: Graph;
  readonly parameters: readonly TemplateParameter[];
  readonly locks: readonly TemplateLock[];
}

/** @throws ZodError when the stored version is not what was checked when it was made: a defect */
export function toContent({ id, templateId, number, graph, parameters, locks }: TemplateVersionContent): TemplateContent {
  return { id, templateId, number, graph: graphSchema.parse(graph), parameters: templateParametersSchema.parse(parameters), locks: templateLocksSchema.parse(locks) };
}
