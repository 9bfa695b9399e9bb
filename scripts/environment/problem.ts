import { readFileSync } from "node:fs";

/** A failure told to a person: what failed, why, and what to do about it. */
export class Problem extends Error {
  readonly what: string;
  readonly why: string;
  readonly todo: string;

  constructor(parts: { readonly what: string; readonly why: string; readonly todo: string }) {
    super(`${parts.what} ${parts.why}`);
    this.name = "Problem";
    this.what = parts.what;
    this.why = parts.why;
    this.todo = parts.todo;
  }
}

/** The message of anything thrown, with its cause where it has one (`fetch` hides the reason there). */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message || error.cause.name})` : "";
  return `${error.message || error.name}${cause}`;
}

/** Turns anything thrown into a Problem, so that every failure can be printed the same way. */
export function toProblem(error: unknown, what: string): Problem {
  if (error instanceof Problem) return error;
  return new Problem({
    what,
    why: messageOf(error),
    todo: "type the same command again; if it fails again, `npm run reset` starts from nothing.",
  });
}

/** Prints a Problem in its three parts. */
export function printProblem(problem: Problem, write: (text: string) => void): void {
  const indent = (text: string): string => text.trim().split("\n").join("\n              ");
  write(`  what failed: ${indent(problem.what)}\n  why:         ${indent(problem.why)}\n  what to do:  ${indent(problem.todo)}\n`);
}

/** The last lines of a log file; a sentence when it holds nothing. */
export function tailOf(file: string, lines = 15): string {
  try {
    const text = readFileSync(file, "utf8").trimEnd();
    return text === "" ? "(it logged nothing)" : text.split("\n").slice(-lines).join("\n");
  } catch {
    return "(there is no log)";
  }
}
