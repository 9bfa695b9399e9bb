import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { describe, expect, test } from "vitest";
import { Lifecycle, type ProcessPort } from "./lifecycle.ts";
import { createLogger } from "./logger.ts";
import { ManualClock } from "./testing/manual-clock.ts";

function setUp(totalTimeoutMs = 25_000) {
  const lines: string[] = [];
  const clock = new ManualClock();
  const logger = createLogger({ service: "test", level: "debug", destination: { write: (line) => lines.push(line) } });
  return { lines, clock, lifecycle: new Lifecycle({ logger, clock, totalTimeoutMs }) };
}

const never = (): Promise<void> => new Promise(() => undefined);
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class FakeProcess extends EventEmitter implements ProcessPort {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

describe("stop", () => {
  test("goes through the states and stops in reverse order, each step after the one before has ended", async () => {
    const { lifecycle } = setUp();
    const order: string[] = [];
    lifecycle.onStop("database", async () => {
      await nextTurn();
      order.push("database");
    });
    lifecycle.onStop("server", async (reason) => {
      expect(lifecycle.state).toBe("stopping");
      await nextTurn();
      order.push(`server ${reason}`);
    });
    expect(lifecycle.state).toBe("starting");
    lifecycle.markRunning();
    expect([lifecycle.state, lifecycle.isStopping()]).toEqual(["running", false]);
    const report = await lifecycle.stop("done");
    expect(order).toEqual(["server done", "database"]);
    expect(report).toEqual({ reason: "done", isClean: true, steps: [{ name: "server", outcome: "done" }, { name: "database", outcome: "done" }] });
    expect([lifecycle.state, lifecycle.isStopping()]).toEqual(["stopped", true]);
    lifecycle.markRunning();
    expect(lifecycle.state).toBe("stopped");
  });

  test("happens once: further calls get the first report", async () => {
    const { lifecycle } = setUp();
    let calls = 0;
    lifecycle.onStop("x", () => void (calls += 1));
    const [first, second] = await Promise.all([lifecycle.stop("a"), lifecycle.stop("b")]);
    expect(first).toBe(second);
    expect(await lifecycle.stop("c")).toBe(first);
    expect([calls, first.reason]).toEqual([1, "a"]);
  });

  test("reports what failed or hung, and goes on with the rest", async () => {
    const { lifecycle, clock, lines } = setUp();
    const failure = new Error("cannot close");
    lifecycle.onStop("last", () => undefined);
    lifecycle.onStop("hangs", never, { timeoutMs: 100 });
    lifecycle.onStop("throws", () => {
      throw failure;
    });
    const stopping = lifecycle.stop("test");
    await clock.advance(100);
    const report = await stopping;
    expect(report.steps).toEqual([
      { name: "throws", outcome: "failed", error: failure },
      { name: "hangs", outcome: "timed-out" },
      { name: "last", outcome: "done" },
    ]);
    expect(report.isClean).toBe(false);
    expect(lines.join("")).toContain("cannot close");
    expect(clock.sleeping).toBe(0);
  });

  test("ends within the total deadline, whatever the steps ask for", async () => {
    const { lifecycle, clock } = setUp(1_000);
    lifecycle.onStop("never reached", () => undefined);
    lifecycle.onStop("slow", never, { timeoutMs: 60_000 });
    const stopping = lifecycle.stop("test");
    await clock.advance(1_000);
    expect((await stopping).steps).toEqual([{ name: "slow", outcome: "timed-out" }, { name: "never reached", outcome: "skipped" }]);
  });

  test("also ends what is registered during or after the stop", async () => {
    const { lifecycle } = setUp();
    const ended: string[] = [];
    lifecycle.onStop("first", () => {
      lifecycle.onStop("late", () => void ended.push("late"));
    });
    const report = await lifecycle.stop("test");
    expect(report.steps.map((step) => step.name)).toEqual(["first", "late"]);
    lifecycle.onStop("too late", () => void ended.push("too late"));
    await nextTurn();
    expect(ended).toEqual(["late", "too late"]);
  });
});

describe("handleSignals", () => {
  test("stops on a signal and exits with 0 when clean", async () => {
    const { lifecycle } = setUp();
    const target = new FakeProcess();
    lifecycle.handleSignals(target);
    target.emit("SIGTERM");
    await nextTurn();
    expect(target.exits).toEqual([0]);
    expect((await lifecycle.stop("again")).reason).toBe("SIGTERM");
  });

  test("exits with 1 when a step failed", async () => {
    const { lifecycle } = setUp();
    const target = new FakeProcess();
    lifecycle.onStop("x", () => Promise.reject(new Error("no")));
    lifecycle.handleSignals(target);
    target.emit("SIGINT");
    await nextTurn();
    expect(target.exits).toEqual([1]);
  });

  test("a second signal forces the exit", () => {
    const { lifecycle } = setUp();
    const target = new FakeProcess();
    lifecycle.onStop("hangs", never);
    lifecycle.handleSignals(target);
    target.emit("SIGTERM");
    expect(target.exits).toEqual([]);
    target.emit("SIGINT");
    expect(target.exits).toEqual([130]);
  });

  test.each(["unhandledRejection", "uncaughtException"])("%s is logged, stops the process and exits with 1", async (event) => {
    const { lifecycle, lines } = setUp();
    const target = new FakeProcess();
    let hasEnded = false;
    lifecycle.onStop("x", () => void (hasEnded = true));
    lifecycle.handleSignals(target);
    target.emit(event, new Error("out of the blue"));
    await nextTurn();
    expect([hasEnded, target.exits]).toEqual([true, [1]]);
    expect(lines.join("")).toContain("out of the blue");
  });

  test("removes its listeners", () => {
    const target = new FakeProcess();
    setUp().lifecycle.handleSignals(target)();
    expect(target.eventNames()).toEqual([]);
  });

  test("a real process ends by itself on SIGTERM", async () => {
    const script = `
      import { Lifecycle } from ${JSON.stringify(new URL("./lifecycle.ts", import.meta.url).href)};
      import { createLogger } from ${JSON.stringify(new URL("./logger.ts", import.meta.url).href)};
      const lifecycle = new Lifecycle({ logger: createLogger({ service: "child", level: "silent" }) });
      const timer = setInterval(() => {}, 1000);
      lifecycle.onStop("timer", () => { clearInterval(timer); console.log("ended"); });
      lifecycle.handleSignals();
      lifecycle.markRunning();
      console.log("ready");`;
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output === "ready\n") child.kill("SIGTERM");
    });
    const [code]: unknown[] = await once(child, "close");
    expect([code, output]).toEqual([0, "ready\nended\n"]);
  });
});
