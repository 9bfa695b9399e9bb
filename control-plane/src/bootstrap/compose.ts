import { parseArgs } from "node:util";
import { AGENCY_SCOPES } from "@fluxo/contracts/http/scopes";
import { assertServiceRole, createPool } from "@fluxo/prisma/database/pool";
import { uuidV7 } from "@fluxo/prisma/ids";
import { createAgency } from "@fluxo/prisma/repositories/agencies";
import { randomBytes } from "node:crypto";
import { mintApiKey } from "../keys/api-key.ts";
import { bootstrapConfig } from "./config.ts";

/**
 * Creates an agency with an admin key that carries every scope of agencies, and prints one line of JSON: `{"agencyId", "adminKey"}`. The key is shown here only.
 * @param args `--agency <name>`
 */
export async function startBootstrap(env: NodeJS.ProcessEnv, args: readonly string[]): Promise<void> {
  const name = agencyName(args);
  if (name === undefined) {
    console.error('bootstrap needs the name of the agency: bootstrap --agency "Northwind Digital" (1 to 200 characters).');
    process.exitCode = 2;
    return;
  }
  const config = bootstrapConfig(env);
  const pool = createPool({ connectionString: config.FLUXO_SYSTEM_DATABASE_URL, applicationName: "fluxo-bootstrap", max: 1, role: "fluxo_system" });
  try {
    await assertServiceRole(pool, "fluxo_system");
    const agencyId = uuidV7.next();
    const key = mintApiKey(uuidV7, randomBytes);
    await createAgency(pool, { agencyId, name, key: { id: key.id, name: "Admin", prefix: key.prefix, secretHash: key.secretHash, scopes: AGENCY_SCOPES } });
    console.log(JSON.stringify({ agencyId, adminKey: key.text }));
  } finally {
    await pool.end();
  }
}

function agencyName(args: readonly string[]): string | undefined {
  try {
    const name = parseArgs({ args: [...args], options: { agency: { type: "string" } } }).values.agency?.trim() ?? "";
    return name.length >= 1 && name.length <= 200 ? name : undefined;
  } catch {
    return undefined;
  }
}
