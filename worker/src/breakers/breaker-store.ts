import { readFileSync } from "node:fs";
import { ERROR_CODES, type ErrorCode } from "@fluxo/core/errors/codes";
import { ERROR_CLASSES } from "@fluxo/core/errors/node-error";
import { CLOSED, type BreakerState } from "@fluxo/core/retry/breaker";
import type { RedisClient } from "@fluxo/runtime/redis";
import { z } from "zod";

const script = readFileSync(new URL("swap.lua", import.meta.url), "utf8");

/** What nobody touches for so long is forgotten: the breaker is closed. */
const CLOSED_TTL_MS = 1_200_000;
const OPEN_TTL_MS = 86_400_000;
/** Other workers change the same breaker meanwhile; each round one of them gets through. */
const ROUNDS_MAX = 50;

const count = z.int().min(0);
const bucketSchema = z.object({ slot: count, successes: count, failures: count });
const stateSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("closed"), buckets: z.array(bucketSchema), rejections: count, rejectedMs: z.number() }),
  z.object({
    kind: z.literal("open"),
    outageId: z.uuid(),
    openedMs: z.number(),
    probesFailed: count,
    probeAtMs: z.number(),
    errorClass: z.enum(ERROR_CLASSES),
    code: z.custom<ErrorCode>((code) => typeof code === "string" && code in ERROR_CODES),
    probe: z.object({ token: z.string(), untilMs: z.number() }).nullable(),
  }),
]);

/** A breaker as it is stored. What cannot be read (a later version wrote it) counts as closed. */
export function parseBreaker(text: string): BreakerState {
  try {
    return stateSchema.safeParse(JSON.parse(text)).data ?? CLOSED;
  } catch {
    return CLOSED;
  }
}

/** The states of breakers, shared by all workers. */
export class BreakerStore {
  readonly #redis: RedisClient;

  /** @param redis role `commands` */
  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  /** Whether an answer can be expected at once. */
  get isThere(): boolean {
    return this.#redis.status === "ready";
  }

  /**
   * Makes a transition as if nobody else made any meanwhile.
   * @param key without the installation's prefix
   * @throws what Redis threw; Error when others were faster again and again
   */
  async change<S extends { readonly state: BreakerState }>(key: string, transition: (state: BreakerState) => S): Promise<S & { readonly before: BreakerState }> {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const seen = (await this.#redis.get(key)) ?? "";
      const before = seen === "" ? CLOSED : parseBreaker(seen);
      const made = transition(before);
      if (made.state === before) return { ...made, before };
      const next = made.state === CLOSED ? "" : JSON.stringify(made.state);
      const ttlMs = made.state.kind === "open" ? OPEN_TTL_MS : CLOSED_TTL_MS;
      if (Number(await this.#redis.eval(script, 1, key, seen, next, ttlMs)) === 1) return { ...made, before };
    }
    throw new Error("Other workers changed the breaker again and again.");
  }
}
