import { FluxoError, FluxoUnreachable } from "@fluxo/client/errors";

/** How the command ends; docs/cli.md documents each. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, denied: 4, unavailable: 5, conflict: 6, invalid: 7 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The command cannot be done as it was asked. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command that did what it was asked, and ends with something other than 0: an invalid graph, an execution that failed. */
export class Verdict extends Error {
  override readonly name = "Verdict";
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** How an error ends the command. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Verdict) return error.exitCode;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof FluxoUnreachable) return EXIT.unavailable;
  if (!(error instanceof FluxoError)) return EXIT.failed;
  if (error.code === "GRAPH_INVALID") return EXIT.invalid;
  if (error.status === 401 || error.status === 403) return EXIT.denied;
  if (error.status === 409 || error.status === 412) return EXIT.conflict;
  return error.status === 429 || error.status >= 500 ? EXIT.unavailable : EXIT.refused;
}
