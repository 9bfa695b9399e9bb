import type { JsonObject } from "../json.ts";
import { compileValue, type LocatedReference, type TemplateProblem } from "./compile.ts";

/** All template references of parameters as saved, and all their template problems, each with its JSON pointer inside of the parameters. */
export function scanTemplates(params: JsonObject): { readonly references: readonly LocatedReference[]; readonly problems: readonly TemplateProblem[] } {
  const { references, problems } = compileValue(params);
  return { references, problems };
}
