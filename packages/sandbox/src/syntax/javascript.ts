import { compileFunction } from "node:vm";

/**
 * What keeps a source from being the body of a function, with its line; undefined when nothing does. V8 reads it and nothing runs it.
 * QuickJS may know a little less of the language's newest forms: that is found when it runs.
 */
export function javascriptProblem(source: string): string | undefined {
  try {
    compileFunction(`"use strict";${source}`, ["input"], { filename: "code" });
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxError) {
      const line = /^code:(\d+)/.exec(error.stack ?? "")?.[1];
      return `${error.message}${line === undefined ? "" : ` (line ${line})`}`;
    }
    if (error instanceof RangeError) return TOO_DEEP;
    throw error;
  }
}

const TOO_DEEP = "It is nested too deep.";
