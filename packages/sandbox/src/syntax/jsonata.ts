import jsonata from "jsonata";
import { z } from "zod";

/** What jsonata throws: plain objects, not errors. */
const problemSchema = z.object({ code: z.string(), message: z.string(), position: z.number().optional() });

/** Parsing a path takes time that grows with the square of its steps: 4,000 of them 0.2 s, measured. */
const DOTS_MAX = 256;

/**
 * What keeps a text from being a JSONata expression, with its place; undefined when nothing does. It is only parsed, and the caller bounds its length.
 * An expression of more than 256 dots is left to its first execution, where it is parsed out of the way of others.
 */
export function jsonataProblem(expression: string): string | undefined {
  if (expression.split(".", DOTS_MAX + 2).length > DOTS_MAX + 1) return undefined;
  try {
    jsonata(expression);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return "It is nested too deep.";
    const problem = problemSchema.safeParse(error);
    if (problem.success) return `${problem.data.message} (${problem.data.code}${problem.data.position === undefined ? "" : `, at character ${problem.data.position}`})`;
    return error instanceof Error ? error.message : "It cannot be read.";
  }
}
