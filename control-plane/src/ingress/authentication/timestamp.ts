import { RequestError } from "@fluxo/core/errors/request-error";

/** @param text seconds since 1970, as sent. @throws RequestError HOOK_TIMESTAMP_REJECTED unless it is at most `toleranceSeconds` from now, both ways */
export function assertFresh(text: string | undefined, now: Date, toleranceSeconds: number): asserts text is string {
  if (text === undefined || !/^\d{1,12}$/.test(text)) throw new RequestError("HOOK_TIMESTAMP_REJECTED");
  const distanceSeconds = Math.abs(Math.floor(now.getTime() / 1_000) - Number(text));
  if (distanceSeconds > toleranceSeconds) throw new RequestError("HOOK_TIMESTAMP_REJECTED");
}
