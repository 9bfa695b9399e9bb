import { parentPort } from "node:worker_threads";
import { doJob, type Job } from "./jobs.ts";
import { messageOf, type ThreadMessage } from "./messages.ts";

/** The other side of ThreadPool: one job at a time. */
function serve(port: NonNullable<typeof parentPort>): void {
  const tell = (message: ThreadMessage): void => port.postMessage(message);
  port.on("message", ({ name, input }: Job) => {
    tell(messageOf(() => doJob(name, input)));
  });
  tell({ kind: "ready" });
}

if (parentPort !== null) {
  serve(parentPort);
}
