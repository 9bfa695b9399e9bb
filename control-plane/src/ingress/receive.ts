import type { IncomingMessage } from "node:http";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { JsonObject } from "@fluxo/core/json";
import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import { filterRefusal } from "@fluxo/nodes/filters/evaluate";
import { occurrenceKeyOf } from "./delivery.ts";
import type { Gate } from "./gate.ts";
import type { WebhookHook } from "./hook.ts";
import type { HookDirectory } from "./hook-directory.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { toTriggerPayload } from "./payload/trigger-payload.ts";
import { HookMethodError } from "./problem.ts";
import type { Challenge } from "./providers/provider.ts";
import { BODY_BYTES_MAX, expectedBytes, refuseEncodedBody, startBody } from "./read-body.ts";
import { unavailable, type Recorder } from "./recorder.ts";
import { retryOnce } from "./retry-once.ts";
import { storeFailureOf } from "./store-failure.ts";

export interface ReceiveOptions {
  readonly hooks: HookDirectory;
  readonly recorder: Recorder;
  readonly budget: MemoryBudget;
  readonly gate: Gate;
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
  readonly kind: "received";
  readonly hook: WebhookHook;
  readonly receipt: Receipt;
}

/** A request that is answered without an execution: a question of its sender, a probe, or one that the filter lets nothing start from. */
export type Outcome = Received | { readonly kind: "challenge"; readonly challenge: Challenge } | { readonly kind: "probe"; readonly nonce: string } | { readonly kind: "filtered" };

/** A request that has passed everything, as workflows would see it. */
interface AcceptedRequest {
  readonly hook: WebhookHook;
  readonly payload: JsonObject;
  readonly receivedAt: Date;
  readonly bytes: number;
}

/**
 * Brings one request to a hook into the store: hook, address, rate, method, body, authentication, payload, delivery id, filter, commit, in this order.
 * From the end of the body on, a caller that goes away changes nothing.
 * @throws RequestError with which the request is refused and nothing recorded; CallerGoneError
 */
export function receive(request: IncomingMessage, token: string, options: ReceiveOptions): Promise<Outcome> {
  return accept(request, token, options, BODY_BYTES_MAX, (accepted) => record(request, accepted, options));
}

/** Everything that comes before the store; `store` takes what passes. A test of a hook differs in `store` alone. */
export async function accept<R>(
  request: IncomingMessage,
  token: string,
  options: ReceiveOptions,
  bodyBytesMax: number,
  store: (accepted: AcceptedRequest) => Promise<R>,
): Promise<R | Exclude<Outcome, Received>> {
  const { budget, gate } = options;
  const bodyBytes = expectedBytes(request, bodyBytesMax);
  return budget.hold(bodyBytes, async () => {
    const reader = startBody(request, bodyBytesMax);
    try {
      const hook = await findHook(token, options);
      const nonce = gate.probeOf(request.headers, token);
      if (nonce !== undefined) return { kind: "probe", nonce };
      await gate.pass(request, hook);
      const { method = "", url = "", headers } = request;
      const greeting = hook.provider.greet?.({ method, url, token });
      if (greeting !== undefined) return { kind: "challenge", challenge: greeting };
      if (!hook.methods.has(method)) throw new HookMethodError([...hook.methods].join(", "));
      refuseEncodedBody(headers["content-encoding"]);
      return await budget.holdForTenant(hook.tenantId, bodyBytes, async () => {
        const accepted = authenticated(request, hook, await reader.body, options);
        const challenge = hook.provider.challenge?.(accepted.payload["body"] ?? null);
        return challenge === undefined ? store(accepted) : { kind: "challenge", challenge };
      });
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

function authenticated(request: IncomingMessage, hook: WebhookHook, body: Buffer, { clock }: ReceiveOptions): AcceptedRequest {
  const { headers, method = "", url = "" } = request;
  const receivedAt = clock.now();
  hook.authenticate({ headers, body, now: receivedAt });
  const { secretHeaders, withoutSecrets } = hook.provider;
  const payload = toTriggerPayload({ method, url, headers, body, receivedAt }, secretHeaders);
  if (withoutSecrets !== undefined) payload["body"] = withoutSecrets(payload["body"] ?? null);
  return { hook, payload, receivedAt, bytes: body.length };
}

async function record(request: IncomingMessage, { hook, payload, receivedAt, bytes }: AcceptedRequest, { recorder, ids }: ReceiveOptions): Promise<Outcome> {
  const { tenantId, triggerId, provider, filter } = hook;
  const executionId = ids.next();
  const providersId = provider.deliveryId?.(request.headers, payload["body"] ?? null);
  const occurrenceKey = occurrenceKeyOf(hook.deliveryIdHeader, request.headers, executionId, providersId);
  const filtered = filter === undefined ? undefined : filterRefusal(filter, payload);
  const item = { tenantId, triggerId, occurrenceKey, executionId, input: payload, payloadId: ids.next(), occurredAt: receivedAt, ...(filtered === undefined ? {} : { filtered }) };
  const result = await recorder.record({ item, bytes });
  switch (result.outcome) {
    case "accepted":
      return { kind: "received", hook, receipt: { executionId: result.executionId, duplicate: false } };
    case "duplicate":
    case "conflict": // Hook requests carry no fingerprint: a delivery id is the same delivery, whatever the body says.
      return { kind: "received", hook, receipt: { executionId: result.executionId, duplicate: true } };
    case "filtered":
      return { kind: "filtered" };
    case "tooLarge":
      throw new RequestError("PAYLOAD_TOO_LARGE");
    case "gone":
      throw new RequestError("HOOK_NOT_FOUND");
    default:
      return result satisfies never;
  }
}
