import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { Worker } from "node:worker_threads";

// What code could do that had broken out of QuickJS and of WebAssembly. Started as a child is, it tells how each attempt ended.
const [canary = "", target = ""] = process.argv.slice(2);

function attempt(act: () => unknown): string {
  try {
    act();
    return "done";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

const report = {
  read: attempt(() => readFileSync(canary)),
  readSystem: attempt(() => readFileSync("/etc/passwd")),
  readParent: attempt(() => readFileSync(`/proc/${process.ppid}/environ`)),
  readOwn: attempt(() => readFileSync("/proc/self/environ")),
  write: attempt(() => writeFileSync(target, "written")),
  spawn: attempt(() => {
    const { error } = spawnSync("/bin/true");
    if (error !== undefined) throw error;
  }),
  thread: attempt(() => new Worker("0", { eval: true })),
  // oxlint-disable-next-line no-new-func typescript/no-implied-eval
  code: attempt(() => new Function("return 1")()),
  environment: Object.keys(process.env),
};
process.stdout.write(JSON.stringify(report));
