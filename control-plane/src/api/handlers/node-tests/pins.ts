import { PINS_BYTES_MAX } from "@fluxo/contracts/http/node-tests";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json } from "@fluxo/core/json";
import { jsonBytes } from "@fluxo/core/size";
import { z } from "zod";

export type Pins = Record<string, Json>;

const pinsSchema = z.record(z.string(), z.json());

/** What the column holds. */
export function toPins(stored: Json): Pins {
  return pinsSchema.parse(stored);
}

/** @throws RequestError BODY_TOO_LARGE */
export function assertPinsFit(pins: Pins): void {
  const bytes = jsonBytes(pins);
  if (bytes > PINS_BYTES_MAX) throw new RequestError("BODY_TOO_LARGE", { detail: `The pinned outputs have ${bytes} bytes; together they may have ${PINS_BYTES_MAX}.` });
}
