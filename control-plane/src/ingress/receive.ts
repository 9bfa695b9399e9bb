import type { IncomingMessage } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import { occurrenceKeyOf } from "./delivery.ts";
import type { WebhookHook } from "./hook.ts";
import type { HookDirectory } from "./hook-directory.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { toTriggerPayload } from "./payload/trigger-payload.ts";
import { HookMethodError } from "./problem.ts";
import { BODY_BYTES_MAX, expectedBytes, refuseEncodedBody, startBody } from "./read-body.ts";
import { unavailable, type Recorder } from "./recorder.ts";
import { retryOnce } from "./retry-once.ts";
import { storeFailureOf } from "./store-failure.ts";

export interface ReceiveOptions {
  readonly hooks: HookDirectory;
  readonly recorder: Recorder;
  readonly budget: MemoryBudget;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** What a caller is told about its request, which is committed. */
export interface Receipt {
  readonly executionId: string;
  readonly duplicate: boolean;
}

/** A request that is committed, and the hook that took it. */
export interface Received {
  readonly hook: WebhookHook;
  readonly receipt: Receipt;
}

/**
 * Brings one request to a hook into the store: hook, method, body, authentication, delivery id, payload, commit, in this order.
 * From the end of the body on, a caller that goes away changes nothing.
 * @throws RequestError with which the request is refused and nothing recorded; CallerGoneError
 */
export async function receive(request: IncomingMessage, token: string, options: ReceiveOptions): Promise<Received> {
  const { budget } = options;
  const bodyBytes = expectedBytes(request, BODY_BYTES_MAX);
  return budget.hold(bodyBytes, async () => {
    const reader = startBody(request, BODY_BYTES_MAX);
    try {
      const hook = await findHook(token, options);
      if (!hook.methods.has(request.method ?? "")) throw new HookMethodError([...hook.methods].join(", "));
      refuseEncodedBody(request.headers["content-encoding"]);
      return await budget.holdForTenant(hook.tenantId, bodyBytes, async () => ({ hook, receipt: await record(request, hook, await reader.body, options) }));
    } finally {
      reader.discard();
    }
  });
}

async function findHook(token: string, { hooks, clock }: ReceiveOptions): Promise<WebhookHook> {
  let hook: WebhookHook | undefined;
  try {
    hook = await retryOnce(() => hooks.find(token), clock, () => undefined);
  } catch (error) {
    if (storeFailureOf(error) === "defect") throw error;
    throw unavailable("The webhook cannot be looked up right now.", error);
  }
  if (hook === undefined) throw new RequestError("HOOK_NOT_FOUND");
  return hook;
}

async function record(request: IncomingMessage, hook: WebhookHook, body: Buffer, { recorder, ids, clock }: ReceiveOptions): Promise<Receipt> {
  const { headers, method = "", url = "" } = request;
  const receivedAt = clock.now();
  hook.authenticate({ headers, body, now: receivedAt });
  const executionId = ids.next();
  const occurrenceKey = occurrenceKeyOf(hook.deliveryIdHeader, headers, executionId);
  const input = toTriggerPayload({ method, url, headers, body, receivedAt }, hook.secretHeaders);
  const { tenantId, triggerId } = hook;
  const item = { tenantId, triggerId, occurrenceKey, executionId, input, payloadId: ids.next(), occurredAt: receivedAt };
  const result = await recorder.record({ item, bytes: body.length });
  switch (result.outcome) {
    case "accepted":
      return { executionId: result.executionId, duplicate: false };
    case "duplicate":
    case "conflict": // Hook requests carry no fingerprint: a delivery id is the same delivery, whatever the body says.
      return { executionId: result.executionId, duplicate: true };
    case "gone":
      throw new RequestError("HOOK_NOT_FOUND");
    default:
      return result satisfies never;
  }
}
