import { parseFields } from "@fluxo/core/credentials/fields";
import type { CredentialKind } from "@fluxo/core/credentials/kinds";
import type { JsonObject } from "@fluxo/core/json";
import { invalid } from "../../http/validate.ts";

/** What the kind's schema makes of the fields of a body. @throws RequestError VALIDATION_FAILED with a pointer per fault; never a value */
export function fieldsOf(kind: CredentialKind, fields: unknown): JsonObject {
  const parsed = parseFields(kind, fields);
  if (parsed.ok) return parsed.fields;
  throw invalid(parsed.issues.map((issue) => ({ ...issue, path: `/body/fields${issue.path}` })));
}
