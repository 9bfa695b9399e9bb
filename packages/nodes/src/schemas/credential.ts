import { z } from "zod";

/** The parameter that names a credential of the tenant. List it in the definition's `credentials` too: publishing checks it there. */
export const credentialIdSchema = z.uuid().describe("The id of a credential of this tenant. Not a template.");
