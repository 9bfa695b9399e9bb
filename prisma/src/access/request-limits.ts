import type pg from "pg";

/** How many API requests about a tenant its plan allows in a minute. @param db fluxo_app @returns undefined when there is no such tenant */
export async function apiRequestsPerMinute(db: pg.Pool, tenantId: string): Promise<number | undefined> {
  const { rows } = await db.query<{ per_minute: number | null }>({ name: "fluxo_api_requests_per_minute", text: "SELECT fluxo_api_requests_per_minute($1) AS per_minute", values: [tenantId] });
  return rows[0]?.per_minute ?? undefined;
}
