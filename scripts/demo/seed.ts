import { createHash } from "node:crypto";
import { join } from "node:path";
import { type AdminApi, createAdminApi } from "../environment/admin-api.ts";
import type { Development } from "../environment/development.ts";
import { Problem } from "../environment/problem.ts";
import { bootstrapAgency, bootstrapOperator } from "../environment/services.ts";
import { readJson, STATE_DIR, writePrivate } from "../environment/state.ts";
import { DEMO_TENANTS, type DemoWorkflow } from "./graphs.ts";

export interface SeededWorkflow {
  readonly key: DemoWorkflow["key"];
  readonly id: string;
  readonly name: string;
  /** `/hooks/<token>`; the host is left out, as ports may move. */
  readonly hookPath?: string;
  readonly secret?: string;
}

export interface SeededTenant {
  readonly id: string;
  readonly name: string;
  readonly planCode: string;
  readonly apiKey: string;
  readonly workflows: readonly SeededWorkflow[];
}

export interface Demo {
  /** Tells the database that holds all this from another one. */
  readonly database: string;
  readonly agencyId: string;
  readonly adminKey: string;
  /** Absent in a demo of before there were such keys. */
  readonly operatorKey?: string;
  readonly tenants: readonly SeededTenant[];
}

interface Published {
  readonly triggers: readonly { readonly kind: string; readonly hookUrl?: string | null; readonly secret?: string | null }[];
}

const DEMO_FILE = join(STATE_DIR, "demo.json");
const save = (demo: Demo): void => writePrivate(DEMO_FILE, JSON.stringify(demo, null, 2));

/**
 * Creates what is missing of the demo and returns all of it. Each thing is recorded as soon as it exists, so an interrupted start is
 * continued, and a later one changes nothing.
 */
export async function seedDemo(development: Development, progress: (text: string) => void): Promise<Demo> {
  let demo = await findDemo(development);
  if (demo === undefined) {
    progress("creating the agency");
    const agency = await bootstrapAgency(development.settings, "Demo agency");
    demo = { database: fingerprint(development.databaseUrl), ...agency, tenants: [] };
    save(demo);
  }
  if (demo.operatorKey === undefined) {
    demo = { ...demo, ...(await bootstrapOperator(development.settings)) };
    save(demo);
  }
  for (const wanted of DEMO_TENANTS) {
    const tenant = demo.tenants.find((candidate) => candidate.name === wanted.name) ?? (await createTenant(development.apiUrl, demo.adminKey, wanted, progress));
    demo = withTenant(demo, tenant);
    save(demo);
    for (const workflow of wanted.workflows as readonly DemoWorkflow[]) {
      const seeded = demo.tenants.find((candidate) => candidate.id === tenant.id) ?? tenant;
      if (seeded.workflows.some((candidate) => candidate.key === workflow.key)) continue;
      progress(`publishing "${workflow.name}"`);
      const created = await createWorkflow(createAdminApi(development.apiUrl, tenant.apiKey), workflow);
      demo = withTenant(demo, { ...seeded, workflows: [...seeded.workflows, created] });
      save(demo);
    }
  }
  return demo;
}

function withTenant(demo: Demo, tenant: SeededTenant): Demo {
  const isKnown = demo.tenants.some((candidate) => candidate.id === tenant.id);
  return { ...demo, tenants: isKnown ? demo.tenants.map((candidate) => (candidate.id === tenant.id ? tenant : candidate)) : [...demo.tenants, tenant] };
}

/** The recorded demo, if this database holds it still. */
async function findDemo({ apiUrl, databaseUrl }: Development): Promise<Demo | undefined> {
  const demo = readJson<Demo>(DEMO_FILE);
  if (demo === undefined || demo.database !== fingerprint(databaseUrl)) return undefined;
  const answer = await createAdminApi(apiUrl, demo.adminKey).ask({ path: "/v1/plans" });
  return answer.status === 200 ? demo : undefined;
}

/** Port and password of the embedded server may change; a database elsewhere is told by host and name. */
function fingerprint(databaseUrl: string): string {
  const url = new URL(databaseUrl);
  const isEmbedded = (process.env["DATABASE_URL"] ?? "") === "";
  return isEmbedded ? "embedded" : createHash("sha256").update(`${url.host}${url.pathname}`).digest("hex").slice(0, 16);
}

async function createTenant(apiUrl: string, adminKey: string, wanted: (typeof DEMO_TENANTS)[number], progress: (text: string) => void): Promise<SeededTenant> {
  progress(`creating the tenant ${wanted.name}`);
  const api = createAdminApi(apiUrl, adminKey);
  const plans = await api.call<{ data: { id: string; code: string }[] }>({ path: "/v1/plans" });
  const plan = plans.data.find((candidate) => candidate.code === wanted.planCode);
  if (plan === undefined) {
    throw new Problem({ what: "The demo could not be created.", why: `there is no plan ${wanted.planCode}.`, todo: "npm run reset, then start again." });
  }
  // An interrupted start may have created the tenant without recording it.
  const tenants = await api.call<{ data: { id: string; name: string }[] }>({ path: "/v1/tenants" });
  const tenant =
    tenants.data.find((candidate) => candidate.name === wanted.name) ??
    (await api.call<{ id: string }>({ method: "POST", path: "/v1/tenants", body: { name: wanted.name, planId: plan.id } }));
  const key = await api.call<{ key: string }>({ method: "POST", path: `/v1/tenants/${tenant.id}/api-keys`, body: { name: "Demo" } });
  return { id: tenant.id, name: wanted.name, planCode: wanted.planCode, apiKey: key.key, workflows: [] };
}

async function createWorkflow(api: AdminApi, workflow: DemoWorkflow): Promise<SeededWorkflow> {
  const first = await api.ask<{ id: string }>({ method: "POST", path: "/v1/workflows", body: { name: workflow.name, graph: workflow.graph } });
  // A secret is shown once: what an interrupted start left behind is not taken up again, the demo gets another one.
  const name = first.status === 409 ? `${workflow.name} (${Date.now().toString(36)})` : workflow.name;
  const created =
    first.status >= 200 && first.status < 300
      ? first.body
      : await api.call<{ id: string }>({ method: "POST", path: "/v1/workflows", body: { name, graph: workflow.graph } });
  const published = await api.call<Published>({ method: "POST", path: `/v1/workflows/${created.id}/publish` });
  const hook = published.triggers.find((trigger) => typeof trigger.hookUrl === "string");
  return {
    key: workflow.key,
    id: created.id,
    name,
    ...(typeof hook?.hookUrl === "string" ? { hookPath: new URL(hook.hookUrl).pathname } : {}),
    ...(typeof hook?.secret === "string" ? { secret: hook.secret } : {}),
  };
}

/** A workflow of the demo with its tenant. Throws when the demo lacks it. */
export function findSeeded(demo: Demo, key: DemoWorkflow["key"]): { readonly tenant: SeededTenant; readonly workflow: SeededWorkflow } {
  for (const tenant of demo.tenants) {
    const workflow = tenant.workflows.find((candidate) => candidate.key === key);
    if (workflow !== undefined) return { tenant, workflow };
  }
  throw new Problem({ what: `The demo lacks the workflow "${key}".`, why: ".fluxo/demo.json does not hold it.", todo: "npm run reset, then start again." });
}
