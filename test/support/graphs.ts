import type { Graph } from "./client.ts";

type Node = Graph["nodes"][number];
type NodeRest = Omit<Node, "id" | "type" | "params">;

/** A trigger for starts by hand; its id is `start`. */
export const MANUAL: Node = { id: "start", type: "trigger.manual" };

/** A trigger for signed webhooks; its id is `start`. */
export const SIGNED_WEBHOOK: Node = { id: "start", type: "trigger.webhook", params: { authentication: { mode: "standard" } } };

/** A node that makes an object of fields. */
export function set(id: string, fields: Record<string, unknown> = {}, rest: NodeRest = {}): Node {
  return { id, type: "set", params: { fields } as NonNullable<Node["params"]>, ...rest };
}

/** A node that sends a POST request. */
export function post(id: string, url: string, rest: NodeRest = {}): Node {
  return { id, type: "http.request", params: { url, method: "POST", body: { from: id } }, ...rest };
}

/** Nodes one after the other. */
export function chain(...nodes: readonly Node[]): Graph {
  return { nodes: [...nodes], edges: nodes.slice(1).map(({ id }, index) => ({ from: nodes[index]?.id ?? "", to: id })) };
}

/** A graph with its edges written as `from > to` or `from:port > to`; a port may hold a colon itself. */
export function graph(nodes: readonly Node[], edges: readonly string[]): Graph {
  return {
    nodes: [...nodes],
    edges: edges.map((edge) => {
      const [from = "", to = ""] = edge.split(" > ");
      const colon = from.indexOf(":");
      return colon < 0 ? { from, to } : { from: from.slice(0, colon), port: from.slice(colon + 1), to };
    }),
  };
}
