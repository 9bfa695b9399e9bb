import type { Answer, JobHeader } from "../protocol.ts";

/** How a job failed, in words for the tenant. */
export type Failure = Pick<Extract<Answer, { kind: "failed" }>, "failure" | "message">;

/** Codes of jsonata for what is wrong with an expression as written; the others are about values. */
const JSONATA_SYNTAX = /^S0[1-5]\d\d$/;

/** The failure that an error thrown inside of QuickJS stands for. @param described what the prelude tells of it, as JSON */
export function failureOf(described: string, job: Pick<JobHeader, "language">, phase: "compile" | "run"): Failure {
  const { name, message, stack, code, position } = textsOf(described);
  if (name === "InternalError" && message === "out of memory") return { failure: "memory", message: "The code needs more memory than it may use." };
  const isSyntax = phase === "compile" && (job.language === "jsonata" ? code === undefined || JSONATA_SYNTAX.test(code) : name === "SyntaxError");
  const where = job.language === "jsonata" ? placeOf(code, position) : lineOf(stack);
  return { failure: isSyntax ? "invalid" : "threw", message: `${textOf(name, message, job)}${where}` };
}

/** The members that are texts. */
function textsOf(described: string): Partial<Record<string, string>> {
  const value: unknown = JSON.parse(described);
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

function textOf(name: string | undefined, message: string | undefined, { language }: Pick<JobHeader, "language">): string {
  const text = message === undefined || message === "" ? "no message" : message;
  return name === undefined || language === "jsonata" ? text : `${name}: ${text}`;
}

function placeOf(code: string | undefined, position: string | undefined): string {
  const parts = [...(code === undefined ? [] : [code]), ...(position === undefined ? [] : [`at character ${position}`])];
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

/** The line of the source in which an error arose, from a stack of QuickJS. */
function lineOf(stack: string | undefined): string {
  const line = /\bcode:(\d+)/.exec(stack ?? "")?.[1];
  return line === undefined ? "" : ` (line ${line})`;
}
