import { parseArgs } from "node:util";
import { AGENCY_SCOPES, OPERATOR_SCOPES } from "@fluxo/contracts/http/scopes";
import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { createAgency, createOperatorKey } from "@fluxo/prisma/repositories/agencies";
import { randomBytes } from "node:crypto";
import type pg from "pg";
import { mintApiKey } from "../keys/api-key.ts";
import { bootstrapConfig } from "./config.ts";

const usage = `bootstrap makes the first keys:
  bootstrap --operator           a key of the operator, who creates agencies by the API
  bootstrap --agency <name>      an agency with its admin key (1 to 200 characters)`;

type Order = { readonly kind: "operator" } | { readonly kind: "agency"; readonly name: string };

/**
 * Creates a key of the operator, `{"operatorKey"}`, or an agency with an admin key that carries every scope of agencies, `{"agencyId", "adminKey"}`:
 * one line of JSON. Keys are shown here only.
 * @param args `--operator` or `--agency <name>`
 */
export async function startBootstrap(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<void> {
  const order = orderOf(args);
  if (order === undefined) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  const config = bootstrapConfig(env);
  const pool = createPool({ connectionString: config.FLUXO_SYSTEM_DATABASE_URL, applicationName: "fluxo-bootstrap", max: 1, role: "fluxo_system" });
  try {
    await assertServiceRole(pool, "fluxo_system");
    console.log(JSON.stringify(order.kind === "operator" ? await makeOperatorKey(pool) : await makeAgency(pool, order.name)));
  } finally {
    await pool.end();
  }
}

async function makeOperatorKey(pool: pg.Pool): Promise<{ operatorKey: string }> {
  const key = mintApiKey(uuidV7, randomBytes);
  await createOperatorKey(pool, { id: key.id, name: "Operator", prefix: key.prefix, secretHash: key.secretHash, scopes: OPERATOR_SCOPES });
  return { operatorKey: key.text };
}

async function makeAgency(pool: pg.Pool, name: string): Promise<{ agencyId: string; adminKey: string }> {
  const agencyId = uuidV7.next();
  const key = mintApiKey(uuidV7, randomBytes);
  await createAgency(pool, { agencyId, name, key: { id: key.id, name: "Admin", prefix: key.prefix, secretHash: key.secretHash, scopes: AGENCY_SCOPES } });
  return { agencyId, adminKey: key.text };
}

function orderOf(args: readonly string[]): Order | undefined {
  try {
    const { agency, operator } = parseArgs({ args: [...args], options: { agency: { type: "string" }, operator: { type: "boolean" } } }).values;
    if (operator === true) return agency === undefined ? { kind: "operator" } : undefined;
    const name = agency?.trim() ?? "";
    return name.length >= 1 && name.length <= 200 ? { kind: "agency", name } : undefined;
  } catch {
    return undefined;
  }
}
