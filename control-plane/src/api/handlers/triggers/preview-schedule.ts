import type { Routes } from "@fluxo/contracts/http/routes";
import type { triggerStateRoutes } from "@fluxo/contracts/http/trigger-states";
import { jsonPointer } from "@fluxo/core/json-pointer";
import { previewSchedule as preview } from "@fluxo/core/schedule/preview";
import { scheduleParamsSchema } from "@fluxo/nodes/trigger-schedule/definition";
import { scheduleRule, type ScheduleRule } from "@fluxo/nodes/trigger-schedule/rule";
import type { z } from "zod";
import type { Handler } from "../../http/handler.ts";
import { invalid } from "../../http/validate.ts";
import { requireTrigger, ruleOf } from "../../../triggers/find-watched.ts";

type PreviewAnswer = z.input<(typeof triggerStateRoutes)["previewTrigger"]["responses"][200]["body"]>;

/** GET /v1/triggers/{triggerId}/preview */
export const previewTrigger: Handler<Routes["previewTrigger"]> = async ({ access, params, query }, { tenantDb, clock }) => {
  const trigger = await tenantDb.withTenant(access.tenantId, (db) => requireTrigger(db, access.tenantId, params.triggerId));
  return { status: 200, body: toAnswer(ruleOf(trigger), query, clock.now()) };
};

/** POST /v1/schedules/preview */
export const previewSchedule: Handler<Routes["previewSchedule"]> = ({ body }, { clock }) => {
  const parsed = scheduleParamsSchema.safeParse(body.params);
  if (!parsed.success) throw invalid(parsed.error.issues.map(({ path, code, message }) => ({ path: jsonPointer(["body", "params", ...path]), code, message })));
  return { status: 200, body: toAnswer(scheduleRule(parsed.data), body, clock.now()) };
};

function toAnswer({ recurrence, span }: ScheduleRule, { count, after }: { readonly count: number; readonly after?: string | undefined }, now: Date): PreviewAnswer {
  const { timeZone, instants, clockChanges } = preview(recurrence, span, after === undefined ? now : new Date(after), count);
  return {
    timeZone,
    instants: instants.map(({ at, ...instant }) => ({ at: at.toISOString(), ...instant })),
    clockChanges: clockChanges.map(({ at, ...change }) => ({ at: at.toISOString(), ...change })),
  };
}
