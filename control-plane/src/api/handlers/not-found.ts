import { RequestError } from "@fluxo/core/errors/request-error";

/** The refusal of an id that the caller's tenant or agency does not have, whether or not another one has it. */
export function notFound(what: "agency" | "tenant" | "plan" | "price list" | "off-boarding" | "signing key" | "API key" | "member" | "membership" | "session" | "workflow" | "template" | "installation" | "rollout" | "version" | "trigger" | "parked item" | "credential" | "execution" | "backfill" | "file" | "bulk operation" | "outage" | "dry rerun" | "node" | "node type"): RequestError {
  return new RequestError("NOT_FOUND", { detail: `There is no ${what} with this ${what === "version" ? "number" : what === "parked item" ? "key" : what === "node type" ? "name" : "id"}.` });
}
