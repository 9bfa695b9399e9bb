import { describe, expect, test } from "vitest";
import { nodeErrorOf } from "../testing/failures.ts";
import type { Job } from "./jobs.ts";
import { ThreadPool } from "./thread-pool.ts";

const never = new AbortController().signal;

/** A job with a selector that looks at every chain of siblings: it takes longer than anybody waits. */
const ENDLESS: Job = {
  name: "readHtml",
  input: { text: `${"<i></i>".repeat(1_500)}${"<b></b>".repeat(100)}`, fields: [{ name: "a", selector: "u ~ i ~ i ~ i ~ b", take: "text", attribute: null, all: true }] },
};

function csvJob(text: string): Job {
  return { name: "readCsv", input: { text, delimiter: ",", quote: '"', hasHeader: false, trim: false, rowsMax: 10, columnsMax: 10 } };
}

function pool(options: Partial<ConstructorParameters<typeof ThreadPool>[0]> = {}): ThreadPool {
  return new ThreadPool({ threads: 1, timeoutMs: 400, memoryMegabytes: 64, ...options });
}

describe("ThreadPool", () => {
  test("does jobs and tells how they fail", async () => {
    const threads = pool();
    await expect(threads.run("a", csvJob("1,2"), never)).resolves.toBe('[["1","2"]]');
    expect(await nodeErrorOf(threads.run("a", csvJob('"'), never))).toMatchObject({ errorClass: "DATA", code: "DATA_UNREADABLE" });
    await expect(threads.run("a", csvJob("3"), never)).resolves.toBe('[["3"]]');
  });

  test("ends a job that takes too long, and goes on; the process is not held up", async () => {
    const threads = pool();
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    const [endless, next] = await Promise.all([nodeErrorOf(threads.run("a", ENDLESS, never)), threads.run("a", csvJob("1"), never)]);
    clearInterval(timer);
    expect(endless).toMatchObject({ errorClass: "DATA", code: "DATA_TOO_LARGE", message: expect.stringContaining("400 ms") });
    expect(next).toBe('[["1"]]');
    expect(ticks).toBeGreaterThan(15);
  });

  test("ends a job that takes too much memory, and goes on", { timeout: 60_000 }, async () => {
    const threads = pool({ timeoutMs: 30_000, memoryMegabytes: 24 });
    const text = "<a b='1'/>".repeat(450_000);
    const hungry: Job = { name: "readXml", input: { text: `<r>${text}</r>`, attributePrefix: "@", lists: [] } };
    expect(await nodeErrorOf(threads.run("a", hungry, never))).toMatchObject({ code: "DATA_TOO_LARGE", message: expect.stringContaining("24 MiB") });
    await expect(threads.run("a", csvJob("1"), never)).resolves.toBe('[["1"]]');
  });

  test("tenants take turns: the second tenant's job does not wait for all of the first's", async () => {
    const threads = pool({ timeoutMs: 60_000 });
    const ended: string[] = [];
    const run = (tenant: string, name: string): Promise<unknown> => threads.run(tenant, csvJob(name), never).then(() => ended.push(name));
    await Promise.all([run("a", "a1"), run("a", "a2"), run("a", "a3"), run("b", "b1"), run("b", "b2")]);
    expect(ended).toEqual(["a1", "a2", "b1", "a3", "b2"]);
  });

  test("an aborted job is dropped while it waits, and ended while it is done", async () => {
    const threads = pool({ timeoutMs: 20_000 });
    const [first, second] = [new AbortController(), new AbortController()];
    const reason = new Error("canceled");
    const running = threads.run("a", ENDLESS, first.signal);
    const waiting = threads.run("a", ENDLESS, second.signal);
    second.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    first.abort(reason);
    await expect(running).rejects.toBe(reason);
    await expect(threads.run("a", csvJob("1"), never)).resolves.toBe('[["1"]]');
    await expect(threads.run("a", csvJob("1"), AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
