import type { Routes } from "@fluxo/contracts/http/routes";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { ScopedDb } from "@fluxo/prisma/database/tenant-db";
import { notePeriods } from "@fluxo/prisma/dispatch/arm";
import { abortOffBoarding as abort, acknowledgeArchive, beginErasure, findOffBoarding, type OffBoardingRecord, type OffBoardingStatus } from "@fluxo/prisma/off-boarding/off-boardings";
import { applyPlan, lockActiveWorkflows } from "@fluxo/prisma/repositories/plans";
import { findTenant } from "@fluxo/prisma/repositories/tenants";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import type { ApiServices } from "../../services.ts";
import { notFound } from "../not-found.ts";
import { toOffBoardingSummary } from "./off-boarding-answer.ts";

/** POST /v1/off-boardings/{offBoardingId}/acknowledgement */
export const acknowledgeOffBoardingArchive: Handler<Routes["acknowledgeOffBoardingArchive"]> = async ({ access, params, body }, services) => {
  const record = await change(services, access.agencyId, params.offBoardingId, async (db, { id, archive, status }) => {
    if (archive === null) throw notNow(status);
    if (archive.sha256 !== body.archiveSha256) throw invalid([{ path: "/body/archiveSha256", code: "mismatch", message: "is not the SHA-256 of the archive: download it again" }]);
    return status === "ACKNOWLEDGED" || (await acknowledgeArchive(db, access.agencyId, id, access.actor, services.clock.now()));
  });
  return { status: 200, body: toOffBoardingSummary(record) };
};

/** POST /v1/off-boardings/{offBoardingId}/erasure */
export const eraseTenant: Handler<Routes["eraseTenant"]> = async ({ access, params, body }, services) => {
  const record = await change(services, access.agencyId, params.offBoardingId, async (db, { id, tenantId, status }) => {
    if (status === "ERASING" || status === "ERASED") return true;
    const tenant = await findTenant(db, tenantId);
    if (tenant === undefined) throw notNow(status);
    if (tenant.name !== body.tenantName) throw invalid([{ path: "/body/tenantName", code: "mismatch", message: "is not the name of the tenant" }]);
    return beginErasure(db, access.agencyId, id, access.actor, services.clock.now());
  });
  return { status: 202, body: toOffBoardingSummary(record) };
};

/** POST /v1/off-boardings/{offBoardingId}/abort */
export const abortOffBoarding: Handler<Routes["abortOffBoarding"]> = async ({ access, params }, services) => {
  const record = await change(services, access.agencyId, params.offBoardingId, async (db, { id, tenantId, status }) => {
    if (status === "ABORTED") return true;
    await lockActiveWorkflows(db, tenantId);
    if (!(await abort(db, access.agencyId, id, services.clock.now()))) return false;
    // Its plan may have changed meanwhile, from which tenants that are off-boarded are left out.
    await applyPlan(db, tenantId);
    await notePeriods(db, tenantId);
    return true;
  });
  return { status: 200, body: toOffBoardingSummary(record) };
};

/** What an off-boarding waits for, or why it waits for nothing any more. */
const NEXT: Readonly<Record<OffBoardingStatus, string>> = {
  STOPPING: "its archive is made once nothing runs any more",
  EXPORTING: "its archive is being made",
  READY: "its archive is to be acknowledged",
  ACKNOWLEDGED: "its erasure is to be asked for",
  ERASING: "nothing takes it back",
  ERASED: "it is over",
  ABORTED: "it was given up",
};

const notNow = (status: OffBoardingStatus): RequestError => new RequestError("STATE_CONFLICT", { detail: `The off-boarding is ${status}: ${NEXT[status]}.` });

/** @param act whether it could be done, or was done before @throws RequestError NOT_FOUND, STATE_CONFLICT */
function change({ tenantDb }: ApiServices, agencyId: string, id: string, act: (db: ScopedDb, record: OffBoardingRecord) => Promise<boolean>): Promise<OffBoardingRecord> {
  return tenantDb.withAgency(agencyId, async (db) => {
    const before = await findOffBoarding(db, agencyId, id);
    if (before === undefined) throw notFound("off-boarding");
    const isDone = await act(db, before);
    const after = await findOffBoarding(db, agencyId, id);
    if (!isDone || after === undefined) throw notNow(after?.status ?? before.status);
    return after;
  });
}
