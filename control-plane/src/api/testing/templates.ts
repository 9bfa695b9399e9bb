import type { ClientAnswer } from "./client.ts";
import type { TestAgency, TestTenant } from "./harness.ts";

/** A version of a template that greets in the name of a shop. */
export function greetingVersion(greeting = "Hello") {
  return {
    graph: {
      nodes: [
        { id: "start", type: "trigger.manual", params: {}, onError: "stop" },
        { id: "greet", type: "set", name: "Greet", params: { fields: { text: { $text: [`${greeting} from `, { $param: "shop" }, ", {{ trigger.name }}"] }, count: { $param: "count" } } }, onError: "stop" },
      ],
      edges: [{ from: "start", port: "main", to: "greet" }],
    },
    parameters: [
      { name: "shop", title: "Name of the shop", type: "string", example: "Corner shop" },
      { name: "count", title: "How often", type: "number", default: 3 },
    ],
  };
}

let names = 0;

/** A template with these versions. @returns its id */
export async function createTemplate(agency: TestAgency, ...versions: readonly object[]): Promise<string> {
  const id = (await agency.client.post("/v1/templates", { name: `Template ${(names += 1)}` })).text("id");
  for (const version of versions) {
    const made = await agency.client.post(`/v1/templates/${id}/versions`, version);
    if (made.status !== 201) throw new Error(JSON.stringify(made.body));
  }
  return id;
}

/** Gives a tenant the newest version. */
export async function installed(agency: TestAgency, templateId: string, tenant: TestTenant, parameters: object): Promise<{ readonly workflowId: string; readonly answer: ClientAnswer }> {
  const answer = await agency.client.post(`/v1/templates/${templateId}/installations`, { tenantId: tenant.id, parameters });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return { workflowId: answer.text("installation", "workflowId"), answer };
}
