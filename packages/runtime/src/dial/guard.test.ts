import { describeGuard, type GuardedWay } from "../testing/guard.contract.ts";
import { createGuardedClient } from "../http/guarded-client.ts";
import { createGuardedDialer } from "./guarded-dialer.ts";

const TIMEOUT_MS = 2_000;

const dialed = (protocol: "smtp" | "imap" | "postgresql"): GuardedWay["connect"] => async (parts, host, port) => {
  const socket = await createGuardedDialer(parts).connect({ protocol, host, port, tls: false, timeoutMs: TIMEOUT_MS });
  // The canary closes what reaches it.
  await new Promise((resolve) => {
    socket.once("close", resolve).resume();
  });
};

describeGuard("SMTP", { port: 25, closedPorts: [0, 24, 80, 443, 993, 1025, 5432, 6379, 65_536], connect: dialed("smtp") });
describeGuard("IMAP", { port: 993, closedPorts: [0, 25, 110, 80, 443, 1143, 6379, 65_536], connect: dialed("imap") });
describeGuard("PostgreSQL", { port: 5432, closedPorts: [0, 22, 25, 80, 443, 1023, 6379, 9200, 27_017, 2375, 6443, 8288, 65_536], connect: dialed("postgresql") });
describeGuard("HTTP", {
  port: 80,
  closedPorts: [0, 22, 25, 53, 110, 143, 5432, 6379],
  connect: (parts, host, port) => createGuardedClient(parts).send({ method: "GET", url: `http://${host}:${port}/`, timeoutMs: TIMEOUT_MS, maxResponseBytes: 1_000 }),
});
