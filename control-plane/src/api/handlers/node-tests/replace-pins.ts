import type { Routes } from "@fluxo/contracts/http/routes";
import { replacePins as writePins } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { assertPinsFit } from "./pins.ts";

/** PUT /v1/workflows/{workflowId}/pins */
export const replacePins: Handler<Routes["replacePins"]> = async ({ access, params, body }, { tenantDb }) => {
  assertPinsFit(body.pins);
  const isThere = await tenantDb.withTenant(access.tenantId, (db) => writePins(db, access.tenantId, params.workflowId, body.pins));
  if (!isThere) throw notFound("workflow");
  return { status: 200, body: { pins: body.pins } };
};
