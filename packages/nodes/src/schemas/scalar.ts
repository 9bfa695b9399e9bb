import { z } from "zod";

/** A value that has one obvious text: templates that are one expression keep their type, so numbers and booleans come as such. */
export const scalarSchema = z.union([z.string(), z.number(), z.boolean()], "must be a text, a number or a boolean");

/** One value under a name, or several under the same name. */
export const scalarsSchema = z.union([z.string(), z.number(), z.boolean(), z.array(scalarSchema)], "must be a text, a number, a boolean or an array of these");

export type Scalars = z.output<typeof scalarsSchema>;
