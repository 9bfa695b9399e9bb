import type { RedisClient } from "@fluxo/runtime/redis";
import { Breakers, listenForOutages, type BreakerOptions } from "./breakers.ts";

/** The circuit breakers of a worker, which hear of the others'. @param subscriber role `blocking`, for nothing else */
export function startBreakers(options: BreakerOptions, subscriber: RedisClient): Breakers {
  const breakers = new Breakers(options);
  void listenForOutages(subscriber, options.prefix, breakers).catch((error: unknown) => {
    options.logger.warn({ err: error }, "outages are learned with the first failure only");
  });
  return breakers;
}
