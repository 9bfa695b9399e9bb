import { RequestError } from "@fluxo/core/errors/request-error";
import { brokenUniqueIndex } from "@fluxo/prisma/repositories/constraint";

/** Runs a write and turns the violation of a unique name into its refusal. @throws RequestError NAME_TAKEN */
export async function refuseTakenNames<R>(what: "tenant" | "workflow" | "template" | "credential" | "plan", write: () => Promise<R>): Promise<R> {
  try {
    return await write();
  } catch (error) {
    const index = brokenUniqueIndex(error);
    if (index === undefined) throw error;
    const field = index.includes("external_id") ? "externalId" : what === "plan" ? "code" : "name";
    const detail = `Another ${what} has this ${field === "externalId" ? "external id" : field} already.`;
    throw new RequestError("NAME_TAKEN", { detail, issues: [{ path: `/body/${field}`, code: "taken", message: "is taken" }], cause: error });
  }
}
