import { percentile } from "../statistics.ts";
import { Connection, serialize } from "./connection.ts";
import type { LoadJob, LoadReport } from "./job.ts";

/** How often a paced job looks what is due. */
const PACE_MS = 5;

/** Runs a job to its end. @throws Error when a connection breaks */
async function generate(job: LoadJob): Promise<LoadReport> {
  const requests = job.targets.map(serialize);
  const broken = Promise.withResolvers<never>();
  const connections = await Promise.all(Array.from({ length: job.connections }, () => Connection.open(job.targets[0].port, broken.reject)));
  const latencies: number[] = [];
  const refused: Record<string, number> = {};
  const cpuBefore = process.cpuUsage();
  const startedAtMs = performance.timeOrigin + performance.now();
  const begun = performance.now();
  const done = Promise.withResolvers<undefined>();
  const idle: Connection[] = [];
  let sent = 0;
  let answered = 0;
  const isOver = (): boolean => sent >= (job.requests ?? Number.POSITIVE_INFINITY) || performance.now() - begun >= (job.durationMs ?? Number.POSITIVE_INFINITY);
  const isDue = (): boolean => job.perSecond === undefined || sent < ((performance.now() - begun) / 1_000) * job.perSecond;
  const pump = (connection: Connection): void => {
    const request = requests[sent % requests.length];
    if (isOver() || request === undefined) {
      if (answered === sent) done.resolve(undefined);
      return;
    }
    if (!isDue()) {
      idle.push(connection);
      return;
    }
    sent += 1;
    const sentAt = performance.now();
    connection.send(request, (status) => {
      answered += 1;
      latencies.push(performance.now() - sentAt);
      if (!status.startsWith("2")) refused[status] = (refused[status] ?? 0) + 1;
      pump(connection);
    });
  };
  const pace = setInterval(() => {
    for (const connection of idle.splice(0)) pump(connection);
  }, PACE_MS);
  for (const connection of connections) pump(connection);
  await Promise.race([done.promise, broken.promise]).finally(() => {
    clearInterval(pace);
    for (const connection of connections) connection.close();
  });
  const durationMs = performance.now() - begun;
  const cpu = process.cpuUsage(cpuBefore);
  const refusedCount = Object.values(refused).reduce((sum, count) => sum + count, 0);
  return {
    startedAtMs,
    durationMs,
    accepted: answered - refusedCount,
    refused,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    cores: (cpu.user + cpu.system) / 1_000 / durationMs,
  };
}

process.on("message", (job: LoadJob) => {
  generate(job).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
