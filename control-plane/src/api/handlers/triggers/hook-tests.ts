import type { Routes } from "@fluxo/contracts/http/routes";
import { findHookTest, listHookSamples, openHookTest, type HookTestRecord } from "@fluxo/prisma/repositories/hook-tests";
import type { Handler } from "../../http/handler.ts";
import { toInstant } from "../instants.ts";
import { findHookToken } from "./find-hook.ts";

const SESSION_MS = 600_000;

/** POST /v1/triggers/{triggerId}/test-session */
export const openTestSession: Handler<Routes["openTestSession"]> = async ({ access, params }, { tenantDb, clock, publicIngressUrl }) => {
  const { tenantId } = access;
  const { triggerId } = params;
  return tenantDb.withTenant(tenantId, async (db) => {
    const token = await findHookToken(db, tenantId, triggerId);
    const openedAt = clock.now();
    const test = await openHookTest(db, tenantId, triggerId, openedAt, new Date(openedAt.getTime() + SESSION_MS));
    return { status: 200, body: toSession(test, token, publicIngressUrl) };
  });
};

/** GET /v1/triggers/{triggerId}/samples */
export const listSamples: Handler<Routes["listSamples"]> = async ({ access, params }, { tenantDb, publicIngressUrl }) => {
  const { tenantId } = access;
  const { triggerId } = params;
  return tenantDb.withTenant(tenantId, async (db) => {
    const token = await findHookToken(db, tenantId, triggerId);
    const test = await findHookTest(db, tenantId, triggerId);
    const samples = await listHookSamples(db, tenantId, triggerId);
    return {
      status: 200,
      body: {
        session: test === undefined ? null : toSession(test, token, publicIngressUrl),
        data: samples.map(({ receivedAt, ...sample }) => ({ ...sample, receivedAt: toInstant(receivedAt) })),
      },
    };
  });
};

function toSession({ expiresAt, sampleId }: HookTestRecord, token: string, publicIngressUrl: string) {
  return { testUrl: `${publicIngressUrl}/hooks-test/${token}`, expiresAt: toInstant(expiresAt), sampleId };
}
