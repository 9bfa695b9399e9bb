import type { RouteDefinition } from "@fluxo/contracts/http/route";
import type { AuditNote } from "@fluxo/prisma/audit/note";
import type { AuditContext } from "@fluxo/prisma/access/requests";
import type { Access } from "../access/access.ts";
import type { Answer } from "./answer.ts";

/** Who does what, for the audit log. */
export function auditContextOf(route: RouteDefinition, access: Access): AuditContext {
  const { actor, agencyId, tenantId, context } = access;
  return { agencyId, tenantId, actorKind: actor.kind, actorId: actor.id, action: route.operationId, ip: context.ip, userAgent: context.userAgent, requestId: context.requestId };
}

/**
 * What an operation was about, as far as its path and its answer tell: the last id of the path, else the id of what was made, else what the path names. Only
 * for operations whose changes no audited table shows.
 */
export function auditNoteOf(route: RouteDefinition, params: unknown, answer: Answer): AuditNote {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  const name = names.findLast((candidate) => candidate.endsWith("Id")) ?? names.at(-1);
  if (name !== undefined) return { resourceType: name.replace(/Id$/, ""), resourceId: textAt(params, name) };
  return { resourceType: camelCase(route.path.split("/").at(-1) ?? "").replace(/s$/, ""), resourceId: textAt(answer.body, "id") };
}

function camelCase(words: string): string {
  return words.replaceAll(/-(\w)/g, (_whole, letter: string) => letter.toUpperCase());
}

function textAt(value: unknown, name: string): string | null {
  const found: unknown = typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
  return typeof found === "string" ? found : null;
}
