import type { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { refuseInstallation } from "@fluxo/prisma/repositories/template-installations";
import type { TemplateContent } from "./content.ts";
import { TemplateConflict } from "./move-installation.ts";

/** Notes at an installation why a version did not come, for the list of who has what. A tenant without one has nothing to note it at. @param db of the tenant */
export async function noteRefusal(db: ScopedDb, tenantId: string, { templateId, number }: Pick<TemplateContent, "templateId" | "number">, refusal: RequestError): Promise<void> {
  const conflicts = refusal instanceof TemplateConflict ? refusal.conflicts : [];
  await refuseInstallation(db, tenantId, templateId, { versionNumber: number, code: refusal.code, message: refusal.message, conflicts });
}
