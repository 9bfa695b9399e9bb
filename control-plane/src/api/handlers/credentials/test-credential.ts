import type { Routes } from "@fluxo/contracts/http/routes";
import { findCredential, setHealth } from "@fluxo/prisma/credentials/credentials";
import { readCredential } from "@fluxo/prisma/credentials/stored-credential";
import { runTest } from "../../../credentials/run-test.ts";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";

/** POST /v1/credentials/{credentialId}/test */
export const testCredential: Handler<Routes["testCredential"]> = async ({ access, params }, { tenantDb, pool, vault, clock, testerPorts }) => {
  const { tenantId } = access;
  const { credentialId } = params;
  const found = await tenantDb.withTenant(tenantId, (db) => findCredential(db, tenantId, credentialId));
  const stored = found === undefined ? undefined : await readCredential(pool, tenantId, credentialId);
  if (stored === undefined) throw notFound("credential");
  const { isConclusive, ...outcome } = await runTest(stored, vault, testerPorts);
  if (isConclusive) await tenantDb.withTenant(tenantId, (db) => setHealth(db, tenantId, credentialId, outcome.ok ? "HEALTHY" : "BROKEN", outcome.ok ? null : outcome.message, clock.now()));
  return { status: 200, body: outcome };
};
