/** SQLSTATE with which the database refuses a new row of a tenant that is being off-boarded (`fluxo_refuse_off_boarding`). */
const OFF_BOARDING = "FX014";
const DEPTH_MAX = 5;

/** Whether an error of a driver or of Prisma is the refusal to write for a tenant that is being off-boarded. */
export function isOffBoardingRefusal(error: unknown, depth = 0): boolean {
  if (typeof error !== "object" || error === null || depth > DEPTH_MAX) return false;
  const { code, originalCode, cause, meta, driverAdapterError } = error as Readonly<Record<string, unknown>>;
  return code === OFF_BOARDING || originalCode === OFF_BOARDING || [cause, meta, driverAdapterError].some((inner) => isOffBoardingRefusal(inner, depth + 1));
}
