import type { Routes } from "@fluxo/contracts/http/routes";
import { findDryRerun } from "@fluxo/prisma/repositories/dry-reruns";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toDryRerunAnswer } from "./dry-rerun-answer.ts";

/** GET /v1/dry-reruns/{dryRerunId} */
export const getDryRerun: Handler<Routes["getDryRerun"]> = async ({ access, params }, { tenantDb }) => {
  const dryRerun = await tenantDb.withTenant(access.tenantId, (db) => findDryRerun(db, access.tenantId, params.dryRerunId));
  if (dryRerun === undefined) throw notFound("dry rerun");
  return { status: 200, body: toDryRerunAnswer(dryRerun) };
};
