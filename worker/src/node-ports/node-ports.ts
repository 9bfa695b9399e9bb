import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpPort } from "@fluxo/core/ports/http";
import type { NodePorts, NodeScope } from "@fluxo/core/ports/node-ports";

/** The ports of one node of one execution. */
export type PortsOf = (scope: NodeScope) => NodePorts;

export interface NodePortParts {
  readonly http: HttpPort;
}

/** Binds what nodes may reach to the tenant, workflow, execution, node and item that asks. */
export function createNodePorts({ http }: NodePortParts): PortsOf {
  return () => ({
    http,
    dial: { connect: () => missing("dialer") },
    credentials: { open: () => missing("credentials") },
    files: { save: () => missing("files"), read: () => missing("files") },
    sandbox: { run: () => missing("sandbox") },
    memory: { remember: () => missing("memory"), exchange: () => missing("memory") },
  });
}

function missing(port: string): Promise<never> {
  return Promise.reject(new NodeError(`This worker has no ${port}.`, { errorClass: "INTERNAL", code: "NODE_INTERNAL" }));
}
