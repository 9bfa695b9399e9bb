import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "./fault.ts";

/** The Inngest server, whose memory accepted work must not depend on. */
export const inngestFaults: readonly Fault[] = [
  {
    name: "inngest-restarted",
    lane: "durable",
    description: "SIGKILL of Inngest, started again with its database and its Redis",
    run: async ({ system, random }) => {
      await system.kill("inngest");
      await sleep(random.between(500, 2_000));
      await system.startStore("inngest");
    },
  },
  {
    name: "inngest-state-lost",
    lane: "durable",
    description: "SIGKILL of Inngest and its Redis; both start again with nothing, also its database is a new one",
    run: async ({ system, random }) => {
      await system.kill("inngest");
      await system.kill("inngest-redis");
      await sleep(random.between(500, 2_000));
      await system.startStore("inngest-redis", true);
      await system.startStore("inngest", true);
    },
  },
  {
    name: "no-inngest",
    lane: "durable",
    description: "no Inngest for a minute",
    run: async ({ system, absenceMs }) => {
      await system.kill("inngest", "SIGTERM");
      await sleep(absenceMs);
      await system.startStore("inngest");
    },
  },
];
