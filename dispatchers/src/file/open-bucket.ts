import { NodeError } from "@fluxo/core/errors/node-error";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import type { TriggerCredentials } from "../email/trigger-credentials.ts";
import { openBucketPlace } from "./bucket-place.ts";
import type { FileSourceParts } from "./file-source.ts";

/** Refusals that are about the key itself, not about what it may do in this bucket. */
const DEAD_KEY = /\((?:InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSecurity|AccountProblem)\)/;

/** Opens the buckets of triggers with the credentials that they name. A key that its store does not know is written down: nobody tries it again soon. */
export function bucketOpener({ credentials, http, clock }: { readonly credentials: TriggerCredentials; readonly http: HttpPort; readonly clock: Clock }): FileSourceParts["openBucket"] {
  return async (claimed, params, signal) => {
    const { source, credential } = params;
    if (source.kind !== "s3" || credential === undefined) throw new NodeError("The trigger watches no bucket.", { errorClass: "INTERNAL", code: "INTERNAL" });
    const opened = await credentials.open(claimed, credential, "s3");
    const place = openBucketPlace({ http, clock, fields: opened.credential.fields, source, params, signal });
    const list = async (): ReturnType<typeof place.list> => {
      try {
        const listing = await place.list();
        await opened.accepted();
        return listing;
      } catch (error) {
        if (error instanceof NodeError && error.code === "CREDENTIAL_REJECTED" && DEAD_KEY.test(error.message)) await opened.refused(error.message);
        throw error;
      }
    };
    return { list, read: (path, facts) => place.read(path, facts), copy: (path, facts, begin) => place.copy(path, facts, begin), close: () => place.close() };
  };
}
