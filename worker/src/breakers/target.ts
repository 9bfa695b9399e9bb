import type { BreakerKey } from "@fluxo/contracts/channels/outages";
import type { JsonObject } from "@fluxo/core/json";
import type { NodeDefinition } from "@fluxo/core/node/definition";

/** What an attempt reaches for. */
export interface BreakerTarget {
  readonly key: BreakerKey;
  readonly integration: string;
}

/**
 * The credential that a node names, else the host of its URL. Undefined for nodes that reach for nothing outside, and where it cannot be told.
 * @param params with their templates filled in
 */
export function targetOf(tenantId: string, { integration, credentials = [] }: Pick<NodeDefinition, "integration" | "credentials">, params: JsonObject): BreakerTarget | undefined {
  if (integration === null) return undefined;
  for (const { param } of credentials) {
    const credentialId = params[param];
    if (typeof credentialId === "string" && credentialId !== "") return { integration, key: { tenantId, kind: "credential", credentialId } };
  }
  const { url } = params;
  if (typeof url !== "string" || !URL.canParse(url)) return undefined;
  const { host } = new URL(url);
  return host === "" ? undefined : { integration, key: { tenantId, kind: "host", host } };
}
