import { RequestError } from "@fluxo/core/errors/request-error";
import { brokenUniqueIndex } from "@fluxo/prisma/repositories/constraint";

const FIELD_WORDS = { name: "name", externalId: "external id", email: "address", code: "code" } as const;

/** Runs a write and turns the violation of a unique name into its refusal. @throws RequestError NAME_TAKEN */
export async function refuseTakenNames<R>(what: "tenant" | "workflow" | "template" | "credential" | "plan" | "member", write: () => Promise<R>): Promise<R> {
  try {
    return await write();
  } catch (error) {
    const index = brokenUniqueIndex(error);
    if (index === undefined) throw error;
    const field = index.includes("external_id") ? "externalId" : index.includes("email") ? "email" : what === "plan" ? "code" : "name";
    const detail = `Another ${what} has this ${FIELD_WORDS[field]} already.`;
    throw new RequestError("NAME_TAKEN", { detail, issues: [{ path: `/body/${field}`, code: "taken", message: "is taken" }], cause: error });
  }
}
