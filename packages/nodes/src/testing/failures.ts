import { NodeError } from "@fluxo/core/errors/node-error";

/** The NodeError that a promise rejects with. @throws Error when it does not reject; what it rejects with when that is no NodeError */
export async function nodeErrorOf(attempt: Promise<unknown>): Promise<NodeError> {
  const outcome = await attempt.then(
    () => new Error("The attempt succeeded, though it should have failed."),
    (error: unknown) => error,
  );
  if (outcome instanceof NodeError) {
    return outcome;
  }
  throw outcome;
}
