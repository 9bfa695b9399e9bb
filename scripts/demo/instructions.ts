import type { Development } from "../environment/development.ts";
import { webhookKey } from "../environment/standard-webhook.ts";
import { type Demo, findSeeded } from "./seed.ts";

/** What a person reads once everything runs: addresses, keys, and commands that work when pasted. */
export function describeDemo(development: Development, demo: Demo): string {
  const contact = findSeeded(demo, "contact");
  const orders = findSeeded(demo, "orders");
  const onboarding = findSeeded(demo, "onboarding");
  const key = webhookKey(orders.workflow.secret ?? "").toString("hex");
  const tenants = demo.tenants.map((tenant) => `    ${tenant.name} (${tenant.planCode})  ${tenant.apiKey}`).join("\n");
  return `
Fluxo runs.

  Admin API   ${development.apiUrl}        (to read and try: ${development.apiUrl}/docs; as a document: /openapi.json)
  Ingress     ${development.ingressUrl}
  Inngest     ${development.inngestUrl}        (no page: it has no login, so its UI is off)
  Operator    ${demo.operatorKey ?? ""}        (creates and suspends agencies: /v1/agencies)
  Admin key   ${demo.adminKey}        (the agency's)
  Tenants, each with its API key
${tenants}
  Logs        .fluxo/logs        Addresses and keys for programs: .fluxo/dev.json

Send an event to "${contact.workflow.name}" of ${contact.tenant.name}:

  curl -sS -X POST ${development.ingressUrl}${contact.workflow.hookPath} -H 'content-type: application/json' -d '{"email":"ana@example.com"}'

Send a signed order to "${orders.workflow.name}" of ${orders.tenant.name} (a total above 100 asks for approval):

  body='{"orderId":"A-1","total":250}'; id="msg_$(date +%s)"; ts="$(date +%s)"
  sig="$(printf '%s.%s.%s' "$id" "$ts" "$body" | openssl dgst -sha256 -mac HMAC -macopt hexkey:${key} -binary | base64)"
  curl -sS -X POST ${development.ingressUrl}${orders.workflow.hookPath} -H 'content-type: application/json' -H "webhook-id: $id" -H "webhook-timestamp: $ts" -H "webhook-signature: v1,$sig" -d "$body"

Start "${onboarding.workflow.name}" by hand:

  curl -sS -X POST ${development.apiUrl}/v1/workflows/${onboarding.workflow.id}/executions -H 'authorization: Bearer ${onboarding.tenant.apiKey}' -H 'content-type: application/json' -H "idempotency-key: demo-$(date +%s)" -d '{"input":{}}'

See what happened (newest first), and one execution explained:

  curl -sS ${development.apiUrl}/v1/executions -H 'authorization: Bearer ${orders.tenant.apiKey}'
  curl -sS ${development.apiUrl}/v1/executions/EXECUTION_ID/timeline -H 'authorization: Bearer ${orders.tenant.apiKey}'

Ctrl-C stops everything; the data stay in .fluxo. \`npm run reset\` removes them.
`;
}
