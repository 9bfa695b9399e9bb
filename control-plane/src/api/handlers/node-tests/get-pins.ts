import type { Routes } from "@fluxo/contracts/http/routes";
import { findPins } from "@fluxo/prisma/repositories/workflows";
import type { Handler } from "../../http/handler.ts";
import { notFound } from "../not-found.ts";
import { toPins } from "./pins.ts";

/** GET /v1/workflows/{workflowId}/pins */
export const getPins: Handler<Routes["getPins"]> = async ({ access, params }, { tenantDb }) => {
  const pins = await tenantDb.withTenant(access.tenantId, (db) => findPins(db, access.tenantId, params.workflowId));
  if (pins === undefined) throw notFound("workflow");
  return { status: 200, body: { pins: toPins(pins) } };
};
