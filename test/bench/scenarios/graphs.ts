import type { Graph } from "../../support/client.ts";
import { chain, graph, set } from "../../support/graphs.ts";
import { HOOK } from "../environment.ts";

/** A webhook whose caller waits for the result. */
export const SYNCHRONOUS_HOOK = { ...HOOK, params: { ...HOOK.params, response: { mode: "lastNode" } } };

/** A chain of `count` nodes: the webhook and `set` nodes with a template each. */
export function chainOf(count: number, hook = HOOK): Graph {
  const nodes = Array.from({ length: count - 1 }, (_, index) => set(`node${index + 1}`, { order: "{{ trigger.body.orderId }}", step: index + 1 }));
  return chain(hook, ...nodes);
}

/** `count` nodes side by side that each wait for `delayMs` for the answer of a provider, and a node that joins them. */
export function parallelRequests(count: number, sinkUrl: string, delayMs: number): Graph {
  const ids = Array.from({ length: count }, (_, index) => `call${index + 1}`);
  const calls = ids.map((id) => ({ id, type: "http.request", params: { url: `${sinkUrl}/slow/${delayMs}/${id}`, method: "GET" } }));
  return graph([HOOK, ...calls, { id: "join", type: "merge" }], ids.flatMap((id) => [`start > ${id}`, `${id} > join`]));
}
