/** A manual trigger that leads to a node of data. */
export const manualGraph = {
  nodes: [
    { id: "start", type: "trigger.manual" },
    { id: "greet", type: "set", name: "Greet", params: { fields: { text: "hello" } } },
  ],
  edges: [{ from: "start", to: "greet" }],
};

/** A webhook with the given authentication. */
export function webhookGraph(authentication: object, id = "hook"): object {
  return { nodes: [{ id, type: "trigger.webhook", params: { authentication } }], edges: [] };
}
