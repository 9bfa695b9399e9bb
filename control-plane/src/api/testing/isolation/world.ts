import { randomUUID } from "node:crypto";
import { openOutage } from "@fluxo/prisma/breakers/outages";
import { createFileStore } from "@fluxo/prisma/files/file-store";
import { uuidV7 } from "@fluxo/prisma/ids";
import { exportSPKI, generateKeyPair } from "jose";
import type { ClientAnswer } from "../client.ts";
import { PLANS, type Harness, type TestAgency, type TestOperator, type TestTenant } from "../harness.ts";
import { claim, record, settle } from "../journey.ts";

/** An agency or a tenant with something of everything, each text of which holds its mark. */
export interface Inhabitant {
  /** Stands in every text; nobody else may ever see it. */
  readonly mark: string;
  /** Values of path parameters, by name. */
  readonly ids: Readonly<Record<string, string>>;
}
export interface MarkedTenant extends TestTenant, Inhabitant {}
export interface MarkedAgency extends TestAgency, Inhabitant {
  readonly tenants: readonly MarkedTenant[];
}

function made(answer: ClientAnswer): ClientAnswer {
  if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}

/** An agency with two tenants, all filled and marked. */
export async function createMarkedAgency(api: Harness, name: string): Promise<MarkedAgency> {
  const mark = `mark-${name}-${randomUUID().slice(0, 8)}`;
  const agency = await api.createTestAgency(`Agency ${mark}`);
  const tenants = [await createMarkedTenant(api, agency, `${mark}-one`), await createMarkedTenant(api, agency, `${mark}-two`)];
  const { client } = agency;
  const template = made(await client.post("/v1/templates", { name: `Template ${mark}`, description: `About ${mark}` }));
  const templateId = template.text("id");
  const graph = { nodes: [{ id: "start", type: "trigger.manual", params: {}, onError: "stop" }, { id: "set", type: "set", name: `Node ${mark}`, params: { fields: { text: mark } }, onError: "stop" }], edges: [{ from: "start", port: "main", to: "set" }] };
  made(await client.post(`/v1/templates/${templateId}/versions`, { graph, parameters: [] }));
  const [first] = tenants;
  if (first === undefined) throw new Error("no tenant");
  made(await client.post(`/v1/templates/${templateId}/installations`, { tenantId: first.id, parameters: {} }));
  made(await client.post(`/v1/templates/${templateId}/versions`, { graph: { ...graph, nodes: graph.nodes.map((node) => ({ ...node, name: `Again ${mark}` })) }, parameters: [] }));
  const rollout = made(await client.post(`/v1/templates/${templateId}/rollouts`, { tenantIds: [first.id] }));
  const { publicKey } = await generateKeyPair("EdDSA");
  const signing = made(await client.post("/v1/agency/signing-keys", { name: `Signing ${mark}`, algorithm: "EdDSA", publicKey: await exportSPKI(publicKey) }));
  const key = made(await client.post("/v1/agency/api-keys", { name: `Key ${mark}`, scopes: ["tenants:read"] }));
  const leaving = await api.createTestTenant(agency, `Leaving ${mark}`);
  const offBoarding = made(await client.post(`/v1/tenants/${leaving.id}/off-boarding`));
  const member = made(await client.post("/v1/agency/members", { email: `${mark}@example.com`, role: "viewer" }));
  const sessionId = uuidV7.next();
  await api.owner.query(
    "INSERT INTO sessions (id, token_hash, member_id, agency_id, created_at, last_seen_at, expires_at, user_agent) VALUES ($1, sha256(convert_to($4::text, 'UTF8')), $2, $3, now(), now(), now() + interval '1 hour', $4)",
    [sessionId, member.text("id"), agency.id, mark],
  );
  const planId = uuidV7.next();
  await api.owner.query(
    `INSERT INTO plans (id, agency_id, code, name, tier_rank, executions_per_month, nodes_per_workflow_max, concurrency_max, concurrency_class) VALUES ($1, $2, $3, $3, 1, 10, 10, 1, 'small')`,
    [planId, agency.id, `Plan ${mark}`],
  );
  const prices = made(await client.put(`/v1/price-lists/plans/${planId}`, { prices: { monthlyFee: "7" } }));
  made(await client.put("/v1/price-lists/agency", { currency: "EUR", prices: { monthlyFee: "7" } }));
  made(await client.put(`/v1/price-lists/tenants/${first.id}`, { prices: { monthlyFee: "7" } }));
  return {
    ...agency,
    mark,
    tenants,
    ids: {
      agencyId: agency.id,
      templateId,
      number: "1",
      rolloutId: rollout.text("id"),
      signingKeyId: signing.text("id"),
      keyId: key.text("id"),
      offBoardingId: offBoarding.text("id"),
      memberId: member.text("id"),
      sessionId,
      planId,
      priceListId: prices.text("id"),
      tenantId: first.id,
      externalId: `external ${first.mark}`,
    },
  };
}

/** The operator with a key and a member, each text of which holds its mark. Its plans hold none: everybody sees them. */
export async function createMarkedOperator(api: Harness): Promise<TestOperator & Inhabitant> {
  const mark = `mark-operator-${randomUUID().slice(0, 8)}`;
  const operator = await api.createTestOperator();
  const member = made(await operator.client.post("/v1/operator/members", { email: `${mark}@example.com` }));
  const key = made(await operator.client.post("/v1/operator/api-keys", { name: `Key ${mark}`, scopes: ["agencies:read"] }));
  return { ...operator, mark, ids: { memberId: member.text("id"), keyId: key.text("id"), planId: PLANS.PRO } };
}

async function createMarkedTenant(api: Harness, agency: TestAgency, mark: string): Promise<MarkedTenant> {
  const tenant = await api.createTestTenant(agency, `Tenant ${mark}`, PLANS.PRO);
  const { client, id: tenantId } = tenant;
  made(await agency.client.patch(`/v1/tenants/${tenantId}`, { externalId: `external ${mark}` }));
  const graph = { nodes: [{ id: "start", type: "trigger.manual" }, { id: "greet", type: "set", name: `Node ${mark}`, params: { fields: { text: mark } } }], edges: [{ from: "start", to: "greet" }] };
  const workflow = made(await client.post("/v1/workflows", { name: `Workflow ${mark}`, graph }));
  const workflowId = workflow.text("id");
  made(await client.post(`/v1/workflows/${workflowId}/publish`));
  made(await client.put(`/v1/workflows/${workflowId}/pins`, { pins: { greet: { text: `Pin ${mark}` } } }));
  const hook = made(await client.post("/v1/workflows", { name: `Hook ${mark}`, graph: { nodes: [{ id: "hook", name: mark, type: "trigger.webhook", params: { authentication: { mode: "standard" } } }], edges: [] } }));
  const published = made(await client.post(`/v1/workflows/${hook.text("id")}/publish`));
  const triggerId = published.text("triggers", 0, "id");
  const start = async (): Promise<string> => made(await client.post(`/v1/workflows/${workflowId}/executions`, { input: { secret: `Input ${mark}` } })).text("executionId");
  const executionId = await start();
  await claim(api, tenant, executionId);
  await record(api, tenant, executionId, { nodeId: "greet", position: 1, nodeName: `Node ${mark}`, output: { text: `Output ${mark}` } });
  await settle(api, tenant, executionId, { status: "FAILED", output: { text: mark }, error: { code: "NODE_INTERNAL", message: `Failed ${mark}`, stack: `at ${mark}`, nodeId: "greet" } });
  await start();
  const file = await createFileStore(api.pool, uuidV7).save({ tenantId, executionId, nodeId: "greet", item: 0 }, { name: `${mark}.txt`, mediaType: "text/plain", content: Buffer.from(`Content ${mark}`) });
  if (file.kind !== "saved") throw new Error(file.kind);
  const credential = made(await client.post("/v1/credentials", { name: `Credential ${mark}`, kind: "bearer", fields: { hosts: [`${mark}.example.com`], token: `token-${mark}` } }));
  const outageId = uuidV7.next();
  await openOutage(api.pool, { tenantId, id: outageId, credentialId: null, host: `${mark}.example.com`, integration: "http", nextProbeAt: new Date(), errorClass: "SERVER", code: "PROVIDER_FAILED" });
  const bulk = made(await client.post("/v1/bulk-operations", { kind: "cancel", name: `Bulk ${mark}`, executionIds: [executionId], pacePerMinute: 1 }));
  const dryRerun = made(await client.post(`/v1/executions/${executionId}/dry-rerun`, {}));
  const key = `parked ${mark}`;
  await api.owner.query("INSERT INTO parked_items (tenant_id, trigger_id, occurrence_key, code, message, reference, parked_at) VALUES ($1, $2, $3, 'DATA_UNREADABLE', $4, $4, now())", [tenantId, triggerId, key, `Parked ${mark}`]);
  await api.owner.query("INSERT INTO hook_samples (tenant_id, id, trigger_id, payload, received_at) VALUES ($1, $2, $3, $4, now())", [tenantId, randomUUID(), triggerId, JSON.stringify({ body: { text: `Sample ${mark}` }, headers: {}, query: {}, method: "POST" })]);
  await api.owner.query("INSERT INTO occurrences (tenant_id, trigger_id, occurrence_key, reason, detail, occurred_at) VALUES ($1, $2, $3, 'FILTERED', $3, now())", [tenantId, triggerId, `occurrence ${mark}`]);
  const backfillId = uuidV7.next();
  await api.owner.query("INSERT INTO backfills (tenant_id, id, trigger_id, from_at, to_at, next_from, pace_per_minute, status, next_at) VALUES ($1, $2, $3, now() - interval '1 day', now(), now() - interval '1 day', 1, 'RUNNING', now())", [tenantId, backfillId, triggerId]);
  return {
    ...tenant,
    mark,
    ids: {
      tenantId,
      backfillId,
      externalId: `external ${mark}`,
      keyId: tenant.keyId,
      workflowId,
      number: "1",
      nodeId: "greet",
      triggerId,
      key,
      executionId,
      fileId: file.file.fileId,
      credentialId: credential.text("id"),
      outageId,
      bulkOperationId: bulk.text("id"),
      dryRerunId: dryRerun.text("id"),
    },
  };
}
