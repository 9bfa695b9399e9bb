import { z } from "zod";

/** Identifier of a resource: a UUID. */
export function idSchema(description: string) {
  return z.uuid().meta({ description, example: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" });
}

/** An instant as it is answered: ISO 8601 in UTC. */
export function instantSchema(description: string) {
  return z.iso.datetime().meta({ description, example: "2026-11-23T08:00:00.000Z" });
}

/** An instant as it is asked for: ISO 8601 with a zone. */
export function givenInstantSchema(description: string) {
  return z.iso.datetime({ offset: true }).meta({ description, example: "2026-11-23T09:00:00+01:00" });
}

/** Text that people read: trimmed, not empty, no control characters. */
export function nameSchema(description: string, example: string) {
  return z
    .string()
    .trim()
    .min(1)
    .max(200)
    .regex(/^\P{Cc}*$/u, "must not hold control characters")
    .meta({ description, example });
}

/** A switch in a query: `true` or `false`. */
export function flagSchema(description: string) {
  return z
    .enum(["true", "false"])
    .transform((word) => word === "true")
    .meta({ description, example: "true" });
}

/** Of an operation in the background. */
export const isParkedSchema = z.boolean().meta({ description: "Ten of its turns in a row failed, on Fluxo's own account or its database's: it is tried once an hour, and goes on by itself.", example: false });

/** Any JSON value of an answer. */
export function jsonValueSchema(description: string) {
  return z.unknown().meta({ description });
}

/** The query of every list. */
export const pageQueryShape = {
  limit: z.coerce.number().int().min(1).max(100).default(20).meta({ description: "Most items of one page.", example: 20 }),
  pageToken: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,500}$/, "must be the nextPageToken of an earlier answer")
    .optional()
    .meta({ description: "`nextPageToken` of the page before; absent for the first page. Opaque.", example: "WyIwMTk3YTFiMi03YzNkLTdlNGYtOGE1Yi02YzdkOGU5ZjBhMWIiXQ" }),
};

/** The answer of every list. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.strictObject({
    data: z.array(item).meta({ description: "The items of this page." }),
    nextPageToken: z.string().nullable().meta({ description: "Asks for the next page; null on the last one.", example: null }),
  });
}
