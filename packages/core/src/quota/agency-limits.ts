import { z } from "zod";

const count = (description: string, example: number) => z.int().min(0).max(2_000_000_000).optional().meta({ description, example });

/** What the operator allows an agency. What is absent is not limited. Limits on plans hold for the plans that the agency defines. */
export const agencyLimitsSchema = z
  .strictObject({
    tenantsMax: count("Most tenants of the agency.", 200),
    tierRankMax: z.int().min(0).max(3).optional().meta({ description: "Highest tier of its plans: 0 FREE, 1 STARTER, 2 PRO, 3 AGENCY.", example: 2 }),
    executionsPerMonthMax: count("Most executions per month of a plan.", 1_000_000),
    nodesPerWorkflowMax: count("Most nodes per workflow of a plan.", 200),
    activeWorkflowsMax: count("Most active workflows of a plan.", 100),
    concurrencyMax: count("Most executions at once of a plan.", 100),
    aiTokensPerMonthMax: count("Most AI tokens per month of a plan.", 50_000_000),
    seatsMax: count("Most seats of a plan.", 50),
    apiRequestsPerMinuteMax: count("Most requests per minute to the admin API of a plan.", 6_000),
    ingressRequestsPerMinuteMax: count("Most webhook requests per minute of a plan.", 60_000),
  })
  .meta({ id: "AgencyLimits", description: "What the operator allows an agency; an absent limit is none." });

export type AgencyLimits = z.output<typeof agencyLimitsSchema>;

/** What a plan would grant, by the names of the limits. */
export type LimitedTerms = Readonly<Partial<Record<keyof AgencyLimits, number | undefined>>>;

/** A limit that the terms of a plan go beyond. */
export interface ExceededLimit {
  readonly limit: keyof AgencyLimits;
  readonly wanted: number;
  readonly allowed: number;
}

/** The limits that `terms` go beyond, in the order of the schema; empty when all of them hold. */
export function exceededLimits(terms: LimitedTerms, limits: AgencyLimits): ExceededLimit[] {
  return agencyLimitsSchema.keyof().options.flatMap((limit) => {
    const [wanted, allowed] = [terms[limit], limits[limit]];
    return wanted !== undefined && allowed !== undefined && wanted > allowed ? [{ limit, wanted, allowed }] : [];
  });
}
