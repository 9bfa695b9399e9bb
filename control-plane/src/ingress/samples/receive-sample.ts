import type { IncomingMessage } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { HookSample } from "@fluxo/prisma/access/hook-samples";
import { accept, type Outcome, type Received, type ReceiveOptions } from "../receive.ts";
import { unavailable } from "../recorder.ts";
import { storeFailureOf } from "../store-failure.ts";

/** Largest body of a sample. Bytes. */
const SAMPLE_BYTES_MAX = 262_144;

/** Keeps a sample for the test that waits for it. False when none does (any more). */
export type CaptureSample = (sample: HookSample) => Promise<boolean>;

export interface ReceiveSampleOptions extends ReceiveOptions {
  readonly capture: CaptureSample;
}

export type SampleOutcome = Exclude<Outcome, Received> | { readonly kind: "sample"; readonly sampleId: string };

/**
 * Brings one request to a hook's test address into its samples. It passes everything that a request to the hook itself passes, and starts nothing.
 * @throws RequestError as `receive`; HOOK_TEST_CLOSED when no test waits for a request
 */
export function receiveSample(request: IncomingMessage, token: string, options: ReceiveSampleOptions): Promise<SampleOutcome> {
  return accept(request, token, options, SAMPLE_BYTES_MAX, async ({ hook: { tenantId, triggerId }, payload, receivedAt }) => {
    const sampleId = options.ids.next();
    if (!(await capture({ tenantId, triggerId, sampleId, payload, receivedAt }, options))) throw new RequestError("HOOK_TEST_CLOSED");
    return { kind: "sample", sampleId };
  });
}

async function capture(sample: HookSample, options: ReceiveSampleOptions): Promise<boolean> {
  try {
    return await options.capture(sample);
  } catch (error) {
    if (storeFailureOf(error) === "defect") throw error;
    throw unavailable("The sample cannot be kept right now.", error);
  }
}
