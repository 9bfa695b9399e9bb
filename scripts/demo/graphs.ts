/** A graph as the admin API takes it; fields with a default may be left out. */
interface DemoGraph {
  readonly nodes: readonly { readonly id: string; readonly type: string; readonly name?: string; readonly params?: Readonly<Record<string, unknown>> }[];
  readonly edges: readonly { readonly from: string; readonly port?: string; readonly to: string }[];
}

export interface DemoWorkflow {
  /** How scripts refer to it. */
  readonly key: "orders" | "onboarding" | "returns" | "contact";
  readonly name: string;
  readonly graph: DemoGraph;
}

/** A signed webhook, then one of two branches. */
const orders: DemoWorkflow = {
  key: "orders",
  name: "Route orders",
  graph: {
    nodes: [
      { id: "order", type: "trigger.webhook", name: "Order received", params: { methods: ["POST"], authentication: { mode: "standard" } } },
      {
        id: "isLarge",
        type: "if",
        name: "More than 100?",
        params: { conditions: [{ left: "{{ trigger.body.total }}", operator: "greaterThan", right: 100 }], match: "all" },
      },
      { id: "approval", type: "set", name: "Ask for approval", params: { fields: { order: "{{ trigger.body.orderId }}", route: "approval" } } },
      { id: "shipping", type: "set", name: "Ship at once", params: { fields: { order: "{{ trigger.body.orderId }}", route: "shipping" } } },
    ],
    edges: [
      { from: "order", to: "isLarge" },
      { from: "isLarge", port: "true", to: "approval" },
      { from: "isLarge", port: "false", to: "shipping" },
    ],
  },
};

/** Two parallel branches, one of which pauses, joined again. */
const onboarding: DemoWorkflow = {
  key: "onboarding",
  name: "Welcome a customer",
  graph: {
    nodes: [
      { id: "start", type: "trigger.manual", name: "Started by hand" },
      { id: "greeting", type: "set", name: "Write the greeting", params: { fields: { text: "Welcome to Northwind" } } },
      { id: "account", type: "set", name: "Open the account", params: { fields: { tier: "standard" } } },
      { id: "pause", type: "delay", name: "Wait a moment", params: { durationMs: 1500 } },
      { id: "join", type: "merge", name: "Both done" },
      { id: "summary", type: "set", name: "Sum up", params: { fields: { line: "{{ greeting.text }}, {{ account.tier }} account" } } },
    ],
    edges: [
      { from: "start", to: "greeting" },
      { from: "start", to: "account" },
      { from: "account", to: "pause" },
      { from: "greeting", to: "join" },
      { from: "pause", to: "join" },
      { from: "join", to: "summary" },
    ],
  },
};

/** Fails on purpose, so that a failure can be looked at. */
const returns: DemoWorkflow = {
  key: "returns",
  name: "Refuse a late return",
  graph: {
    nodes: [
      { id: "start", type: "trigger.manual", name: "Started by hand" },
      { id: "tooLate", type: "stop", name: "The deadline has passed", params: { message: "Returns are accepted for 30 days." } },
    ],
    edges: [{ from: "start", to: "tooLate" }],
  },
};

/** A webhook that asks for nothing: for a plain curl. */
const contact: DemoWorkflow = {
  key: "contact",
  name: "Contact form",
  graph: {
    nodes: [
      { id: "form", type: "trigger.webhook", name: "Form sent", params: { methods: ["POST"], authentication: { mode: "none" } } },
      { id: "note", type: "set", name: "Make a note", params: { fields: { from: "{{ trigger.body.email }}", topic: "contact" } } },
    ],
    edges: [{ from: "form", to: "note" }],
  },
};

/** The client tenants of the demo agency. */
export const DEMO_TENANTS = [
  { name: "Northwind", planCode: "PRO", workflows: [orders, onboarding, returns] },
  { name: "Bluebird", planCode: "FREE", workflows: [contact] },
] as const satisfies readonly { readonly name: string; readonly planCode: string; readonly workflows: readonly DemoWorkflow[] }[];
