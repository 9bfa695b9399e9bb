import { z } from "zod";
import { jsonValueSchema } from "../schemas/json.ts";

/** Most elements of a list that a node looks into: what it does with them must not hold up the worker. */
export const ITEMS_MAX = 10_000;

/** A list whose elements a node looks into. */
export const itemsSchema = z.array(jsonValueSchema).max(ITEMS_MAX).describe(`The list, of ${ITEMS_MAX.toLocaleString("en-US")} elements at most.`);
