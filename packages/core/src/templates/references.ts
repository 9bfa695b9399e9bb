import type { JsonObject } from "../json.ts";
import { compileValue, type CompileResult } from "./compile.ts";

/** The templates of parameters as saved, all that they refer to and all their problems, each with its JSON pointer inside of the parameters. */
export function scanTemplates(params: JsonObject): CompileResult {
  return compileValue(params);
}
