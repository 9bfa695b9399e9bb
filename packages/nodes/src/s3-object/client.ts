import { S3Client } from "@aws-sdk/client-s3";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import type { GuardedRequestHandler } from "./request-handler.ts";

/** A client for one operation. Everything that the SDK would otherwise look up in the environment or in files of the machine is set here. */
export function s3Client({ endpoint, region, forcePathStyle, accessKeyId, secretAccessKey }: CredentialFields["s3"], requestHandler: GuardedRequestHandler): S3Client {
  return new S3Client({
    endpoint,
    region,
    forcePathStyle,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler,
    // The engine alone decides about another attempt.
    maxAttempts: 1,
    retryMode: "standard",
    defaultsMode: "standard",
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    useArnRegion: false,
    disableMultiregionAccessPoints: true,
    disableS3ExpressSessionAuth: true,
    followRegionRedirects: false,
    expectContinueHeader: false,
    // Many stores that speak S3 do not know the newer checksums.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    userAgentAppId: "fluxo",
    authSchemePreference: ["sigv4"],
    sigv4aSigningRegionSet: [region],
  });
}
