import { breakerKeyOf, OUTAGE_CHANNEL, outageMessageSchema, type OutageMessage } from "@fluxo/contracts/channels/outages";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { JsonObject } from "@fluxo/core/json";
import type { NodeDefinition } from "@fluxo/core/node/definition";
import type { Clock, IdSource } from "@fluxo/core/ports/clock";
import { afterFailure, afterProbe, askPermit, verdictOf, type OpenBreaker, type Verdict } from "@fluxo/core/retry/breaker";
import { awaitOutage, closeOutage, openOutage, prolongOutage } from "@fluxo/prisma/breakers/outages";
import type { Logger } from "@fluxo/runtime/logger";
import type { RedisClient } from "@fluxo/runtime/redis";
import type pg from "pg";
import { BreakerStore, parseBreaker } from "./breaker-store.ts";
import { LocalBreaker } from "./local-breaker.ts";
import { OutageError } from "./outage-error.ts";
import { targetOf, type BreakerTarget } from "./target.ts";

export interface BreakerOptions {
  /** Role `commands`. */
  readonly redis: RedisClient;
  /** The installation's prefix, for the channel. */
  readonly prefix: string;
  /** Connections of fluxo_app. */
  readonly db: pg.Pool;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
}

/** An attempt that is about to be made. */
export interface BreakerCall {
  readonly tenantId: string;
  readonly executionId: string;
  readonly definition: Pick<NodeDefinition, "integration" | "credentials">;
  /** With their templates filled in. */
  readonly params: JsonObject;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A call with what it reaches for. */
interface Aim extends BreakerTarget {
  readonly name: string;
  readonly local: LocalBreaker;
  readonly call: BreakerCall;
}

const BREAKERS_MAX = 10_000;
/** A probe may need so much longer than its node, before it is given up. */
const PROBE_GRACE_MS = 5_000;
/** While a probe is on its way the others ask again soon. */
const PROBE_POLL_MS = 5_000;
const RETRY_MS_MIN = 1_000;

/**
 * The circuit breakers of one worker: one per tenant and credential or host. While all is well they count in memory and ask nobody; failures are
 * told to Redis, where all workers decide together. Without Redis every breaker is closed: calls are made as if there were none.
 */
export class Breakers {
  readonly #options: BreakerOptions;
  readonly #store: BreakerStore;
  readonly #locals = new Map<string, LocalBreaker>();

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#store = new BreakerStore(options.redis);
  }

  /** Makes an attempt, unless what it reaches for is known not to work. @throws OutageError without an attempt; what the attempt threw */
  async run<T>(call: BreakerCall, attempt: () => Promise<T>): Promise<T> {
    const target = targetOf(call.tenantId, call.definition, call.params);
    if (target === undefined) return attempt();
    const name = breakerKeyOf(target.key);
    const aim: Aim = { ...target, name, local: this.#localOf(name), call };
    const token = aim.local.open === undefined ? null : await this.#permit(aim, aim.local.open);
    let result: T;
    try {
      result = await attempt();
    } catch (error) {
      await this.#ended(aim, token, error);
      throw error;
    }
    if (token === null) aim.local.succeeded(this.#nowMs());
    else await this.#endProbe(aim, token, "healthy");
    return result;
  }

  /** Takes over what another worker or the API told. */
  hear(text: string): void {
    try {
      const message = outageMessageSchema.parse(JSON.parse(text));
      const state = message.event === "opened" ? parseBreaker(message.state) : undefined;
      this.#localOf(message.key).see(state?.kind === "open" ? state : undefined);
    } catch (error) {
      this.#options.logger.warn({ err: error }, "message on the outage channel refused");
    }
  }

  /** Asks for a call through a breaker that was seen open. @returns the token of a probe; null when it is closed by now. @throws OutageError */
  async #permit(aim: Aim, seen: OpenBreaker): Promise<string | null> {
    const nowMs = this.#nowMs();
    if (nowMs < seen.probeAtMs) return this.#refuse(aim, seen, seen.probeAtMs);
    const probe = { token: this.#options.ids.next(), leaseMs: aim.call.timeoutMs + PROBE_GRACE_MS };
    const asked = await this.#inStore(aim, () => this.#store.change(aim.name, (state) => askPermit(state, probe, nowMs)));
    if (asked === undefined) return null;
    if (asked.before.kind === "closed") {
      aim.local.see(undefined);
      // Closed by another worker, or lost with Redis; only then is its record still open.
      await this.#record(() => closeOutage(this.#options.db, aim.key.tenantId, seen.outageId, "LOST"));
      return null;
    }
    aim.local.see(asked.before);
    const { permit } = asked;
    return permit.kind === "pass" ? permit.token : this.#refuse(aim, permit.open, permit.open.probe === null ? permit.retryAtMs : Math.min(permit.retryAtMs, nowMs + PROBE_POLL_MS));
  }

  async #refuse({ key, local, call }: Aim, open: OpenBreaker, retryAtMs: number): Promise<never> {
    await this.#record(() => awaitOutage(this.#options.db, key.tenantId, open.outageId, call.executionId));
    throw new OutageError(key, open, new Date(Math.max(retryAtMs, this.#nowMs() + RETRY_MS_MIN) + local.nextTurnMs()));
  }

  async #ended(aim: Aim, token: string | null, error: unknown): Promise<void> {
    const verdict: Verdict = aim.call.signal.aborted || !(error instanceof NodeError) ? "unknown" : verdictOf(error, aim.key.kind === "credential");
    if (verdict === "failing" && error instanceof NodeError) return token === null ? this.#failed(aim, error) : this.#endProbe(aim, token, error);
    if (token !== null) return this.#endProbe(aim, token, verdict === "healthy" ? "healthy" : "unknown");
    if (verdict === "healthy") aim.local.succeeded(this.#nowMs());
  }

  /** Tells of a failure, one after the other: the first that opens the breaker spares the others the way. */
  async #failed({ local, ...aim }: Aim, error: NodeError): Promise<void> {
    await local.inTurn(async () => {
      if (local.open !== undefined) return;
      const { db, ids } = this.#options;
      const outageId = ids.next();
      const { successes } = local;
      const changed = await this.#inStore(aim, () => this.#store.change(aim.name, (state) => ({ state: afterFailure(state, error, successes, this.#nowMs(), outageId) })));
      if (changed === undefined) return;
      local.told(successes);
      const { state } = changed;
      if (state.kind === "closed") return;
      local.see(state);
      if (state.outageId !== outageId) return;
      const { key, integration } = aim;
      const [credentialId, host] = key.kind === "credential" ? [key.credentialId, null] : [null, key.host];
      await this.#record(() => openOutage(db, { tenantId: key.tenantId, id: outageId, credentialId, host, integration, nextProbeAt: new Date(state.probeAtMs), errorClass: state.errorClass, code: state.code }));
      await this.#tell({ version: 1, event: "opened", key: aim.name, state: JSON.stringify(state) });
    });
  }

  async #endProbe({ local, ...aim }: Aim, token: string, end: "healthy" | "unknown" | NodeError): Promise<void> {
    const { db } = this.#options;
    const { tenantId } = aim.key;
    const changed = await this.#inStore(aim, () => this.#store.change(aim.name, (state) => ({ state: afterProbe(state, token, end, this.#nowMs()) })));
    if (changed === undefined) return;
    const { before, state } = changed;
    local.see(state.kind === "open" ? state : undefined);
    if (before.kind === "closed" || before === state) return;
    if (state.kind === "closed") {
      await this.#record(() => closeOutage(db, tenantId, before.outageId, "PROBE"));
      await this.#tell({ version: 1, event: "closed", key: aim.name });
    } else if (state.probesFailed > before.probesFailed) {
      await this.#record(() => prolongOutage(db, { tenantId, id: state.outageId, nextProbeAt: new Date(state.probeAtMs), errorClass: state.errorClass, code: state.code }));
      await this.#tell({ version: 1, event: "opened", key: aim.name, state: JSON.stringify(state) });
    }
  }

  /** Undefined when Redis cannot tell: then everything is closed. */
  async #inStore<T>({ key }: Pick<Aim, "key">, work: () => Promise<T>): Promise<T | undefined> {
    if (!this.#store.isThere) return undefined;
    try {
      return await work();
    } catch (error) {
      this.#options.logger.warn({ err: error, key }, "a breaker could not be asked; it counts as closed");
      return undefined;
    }
  }

  /** Writes what people look at later. No call fails because of it. */
  async #record(write: () => Promise<unknown>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#options.logger.warn({ err: error }, "an outage could not be recorded");
    }
  }

  async #tell(message: OutageMessage): Promise<void> {
    const { redis, prefix, logger } = this.#options;
    try {
      await redis.publish(`${prefix}:${OUTAGE_CHANNEL}`, JSON.stringify(message));
    } catch (error) {
      logger.warn({ err: error }, "an outage could not be told to the other workers");
    }
  }

  #localOf(name: string): LocalBreaker {
    const local = this.#locals.get(name) ?? new LocalBreaker();
    this.#locals.delete(name);
    this.#locals.set(name, local);
    for (const oldest of this.#locals.keys()) {
      if (this.#locals.size <= BREAKERS_MAX) break;
      this.#locals.delete(oldest);
    }
    return local;
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }
}

/** Hears of breakers that open or close elsewhere. Redis may lose such messages. @param redis role `blocking`, for nothing else */
export async function listenForOutages(redis: RedisClient, prefix: string, breakers: Pick<Breakers, "hear">): Promise<void> {
  redis.on("message", (_channel: string, text: string) => breakers.hear(text));
  await redis.subscribe(`${prefix}:${OUTAGE_CHANNEL}`);
}
