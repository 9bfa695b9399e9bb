import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import type { z } from "zod";

/** A trigger whose parameters cannot be read is looked at again after this. */
const BROKEN_MS = 3_600_000;

/** The parameters of a trigger, for a look. @throws NodeError PARAMS_INVALID when they were published by a release that wrote others */
export function readParams<S extends z.ZodType>(schema: S, config: Json): z.output<S> {
  const parsed = schema.safeParse(config);
  if (!parsed.success) throw new NodeError("The trigger's parameters do not fit their schema; publish the workflow again.", { errorClass: "DATA", code: "PARAMS_INVALID" });
  return parsed.data;
}

/** How often the parameters ask for a look. Never throws: those that cannot be read are the look's to tell, and hold up no other source. */
export function intervalMsOf(schema: z.ZodType<{ readonly intervalSeconds: number }>, config: Json): number {
  const parsed = schema.safeParse(config);
  return parsed.success ? parsed.data.intervalSeconds * 1_000 : BROKEN_MS;
}
