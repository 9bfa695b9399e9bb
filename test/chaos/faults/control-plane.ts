import { setTimeout as sleep } from "node:timers/promises";
import type { Exchange, HttpGate } from "../http-gate.ts";
import type { Instance } from "../system.ts";
import type { Fault, FaultContext } from "./fault.ts";

const KILLS = 3;
const HIT_WITHIN_MS = 30_000;

/** Kills a process when what is meant is at the gate and has not passed it, again and again. */
async function killAtGate(context: FaultContext, victim: Instance, gate: HttpGate, isMeant: (exchange: Exchange) => boolean, kills = KILLS): Promise<void> {
  const { system, random, history } = context;
  for (let kill = 0; kill < kills; kill += 1) {
    const hit = Promise.withResolvers<undefined>();
    let isHit = false;
    gate.intercept(async (exchange) => {
      if (!isMeant(exchange)) return "pass";
      if (!isHit) {
        isHit = true;
        history.add({ op: "withheld", ...exchange, path: exchange.path.split("/").slice(0, 2).join("/") });
        await system.kill(victim);
        hit.resolve(undefined);
      }
      return "drop";
    });
    const late = AbortSignal.timeout(HIT_WITHIN_MS);
    late.addEventListener("abort", () => hit.reject(new Error(`Nothing to withhold came within ${HIT_WITHIN_MS} ms.`)));
    try {
      await hit.promise;
    } finally {
      gate.intercept(undefined);
    }
    await sleep(random.between(200, 800));
    await system.start(victim);
    context.back();
  }
}

/** Kills the relay when it has claimed entries and Inngest has not had them, or when Inngest has taken them and the relay has not heard of it. */
export function killRelay(context: FaultContext, when: "beforeSend" | "beforeMark", kills = KILLS): Promise<void> {
  const wanted = when === "beforeSend" ? undefined : 200;
  return killAtGate(context, "relay", context.system.gates.inngest, ({ method, path, status }) => method === "POST" && path.startsWith("/e/") && status === wanted, kills);
}

/** Processes of the control plane that die between what they did and who should learn of it. */
export const controlPlaneFaults: readonly Fault[] = [
  {
    name: "relay-killed-before-send",
    lane: "durable",
    description: "SIGKILL of the relay, three times, when it has claimed entries and Inngest has not had them",
    run: (context) => killRelay(context, "beforeSend"),
  },
  {
    name: "relay-killed-between-send-and-mark",
    lane: "durable",
    description: "SIGKILL of the relay, three times, when Inngest has taken its events and the relay has not heard of it",
    run: (context) => killRelay(context, "beforeMark"),
  },
  {
    name: "ingress-killed-between-commit-and-answer",
    lane: "fast",
    description: "SIGKILL of the ingress, three times, when a delivery is committed and its sender has no answer; senders repeat with their delivery ids",
    run: (context) => killAtGate(context, "ingress", context.system.gates.ingress, ({ path, status }) => path.startsWith("/hooks/") && status === 202),
  },
];
