import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadJob, LoadReport } from "./job.ts";

/** The load generator: a process of its own, one job after the other. It ends with us. */
export class LoadGenerator {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(fileURLToPath(new URL("./generator.ts", import.meta.url)), [], { stdio: "inherit" });
  }

  /** Runs a job. @throws Error when a connection breaks */
  async run(job: LoadJob): Promise<LoadReport> {
    this.#child.send(job);
    const [answer] = (await once(this.#child, "message")) as [{ readonly report?: LoadReport; readonly error?: string }];
    if (answer.report === undefined) throw new Error(`The load generator failed: ${answer.error}`);
    return answer.report;
  }

  /** Runs a job of which every request must be accepted. @throws Error naming the statuses otherwise */
  async runAccepted(job: LoadJob): Promise<LoadReport> {
    const report = await this.run(job);
    if (Object.keys(report.refused).length > 0) throw new Error(`Requests were refused, by status: ${JSON.stringify(report.refused)}`);
    return report;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.disconnect();
    await exited;
  }
}
