import { ListBucketsCommand, S3ServiceException } from "@aws-sdk/client-s3";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import { s3Client } from "./client.ts";
import { s3Failure } from "./failure.ts";
import { GuardedRequestHandler, type RequestLimits } from "./request-handler.ts";

/**
 * Asks a store for its buckets, at most one: whether it takes the key. A store checks the signature before the rights, so `AccessDenied` is the answer to a key
 * that it knows and that may not list buckets, as one for a single bucket.
 * @returns whether the key may list buckets
 * @throws NodeError by the store's answer (see `statusError`), what the port throws
 */
export async function tryKey(fields: CredentialFields["s3"], { http, clock }: { readonly http: HttpPort; readonly clock: Clock }, limits: RequestLimits): Promise<boolean> {
  const handler = new GuardedRequestHandler(http, limits);
  const client = s3Client(fields, handler);
  try {
    await client.send(new ListBucketsCommand({ MaxBuckets: 1 }));
    return true;
  } catch (error) {
    if (error instanceof S3ServiceException && error.name === "AccessDenied") return false;
    throw s3Failure(error, handler, clock);
  } finally {
    client.destroy();
  }
}
