import { parse } from "acorn";

/**
 * What keeps a source from being the body of a function, with its line; undefined when nothing does. It is parsed and nothing else: no engine sees it.
 * QuickJS may know a little less of the language's newest forms: that is found when it runs.
 */
export function javascriptProblem(source: string): string | undefined {
  try {
    parse(`"use strict";${source}`, { ecmaVersion: "latest", sourceType: "script", allowReturnOutsideFunction: true });
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return error.message.replace(/ \((\d+):\d+\)$/, " (line $1)");
    if (error instanceof RangeError) return TOO_DEEP;
    throw error;
  }
}

const TOO_DEEP = "It is nested too deep.";
