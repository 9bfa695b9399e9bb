import type { IdSource } from "@fluxo/core/ports/clock";
import { v7 } from "uuid";

/** Identifiers of everything that Fluxo creates: UUID version 7 (RFC 9562), so that keys are inserted in order of creation. */
export const uuidV7: IdSource = { next: () => v7() };
