import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compare, countRefusals, readDeliveries } from "./deliveries.ts";
import { valueOf } from "./ingress-watch.ts";
import { runK6 } from "./k6.ts";
import { checkTarget } from "./options.ts";
import { isLoopback } from "./target.ts";
import { judgeIngress, judgeRecords, judgeThresholds } from "./verdicts.ts";

const failedOf = (verdicts: readonly { readonly title: string; readonly isPassed: boolean }[]): string[] => verdicts.filter(({ isPassed }) => !isPassed).map(({ title }) => title);

describe("targets", () => {
  test.each(["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.8.9.10", "[::1]"])("%s is this machine", (name) => {
    expect(isLoopback(name)).toBe(true);
  });

  test.each(["example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "0.0.0.0", "[::2]", "127.1.example"])("%s is not", (name) => {
    expect(isLoopback(name)).toBe(false);
  });

  test("another machine needs to be allowed, whatever form its address has", () => {
    expect(() => checkTarget("https://hooks.example.com/hooks/a", false)).toThrow("not of this machine");
    expect(() => checkTarget("http://127.0.0.1@example.com/hooks/a", false)).toThrow("example.com is not of this machine");
    expect(checkTarget("https://hooks.example.com/hooks/a", true)).toBe("https://hooks.example.com/hooks/a");
    expect(checkTarget("http://0x7f.1/hooks/a", false)).toBe("http://127.0.0.1/hooks/a");
    for (const text of ["hooks.example.com", "ftp://localhost/x", ""]) expect(() => checkTarget(text, true)).toThrow("no address");
  });
});

test("a target that leads elsewhere is not followed there", async () => {
  const dir = mkdtempSync(join(tmpdir(), "fluxo-k6-"));
  try {
    const binary = join(dir, "k6");
    writeFileSync(binary, `#!/bin/sh\necho "$@" > ${dir}/arguments\necho '{"metrics":{}}' > ${dir}/p.summary.json\n`, { mode: 0o755 });
    const hooks = [{ url: "http://127.0.0.1:9/hooks/a", secret: "", deliveryIdHeader: "webhook-id" }];
    await runK6({ binary, script: "smoke", dir, plan: { prefix: "p", hooks, capacity: 1, baseline: 1, durationSeconds: 1 } });
    expect(readFileSync(join(dir, "arguments"), "utf8")).toContain(" --max-redirects 0 ");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

describe("the comparison with the records", () => {
  const log = [
    "@ d-1 202 e-1", // accepted, and repeated
    "@ d-1 200 e-1",
    "@ d-2 503 UNAVAILABLE", // may be recorded all the same
    "@ d-3 0 -",
    "@ d-4 400 MALFORMED_JSON",
    "time=… level=warning msg=…",
    "@ d-5 202 e-5",
    "",
  ].join("\n");
  const record = (number: number, executionId = `e-${number}`, status = "SUCCESS") => ({ deliveryId: `d-${number}`, executionId, status });

  test("is satisfied when every accepted delivery has exactly its execution", () => {
    const comparison = compare(readDeliveries(log), [record(1), record(2), record(5)]);
    expect(comparison).toEqual({ sent: 6, accepted: 2, refused: 2, unanswered: 1, lost: [], doubled: [], notSucceeded: [], wronglyRecorded: [] });
    expect(failedOf(judgeRecords(comparison, 0))).toEqual([]);
  });

  test("tells what was refused and how", () => {
    expect(countRefusals(readDeliveries(log))).toEqual({ "503 UNAVAILABLE": 1, "no answer": 1, "400 MALFORMED_JSON": 1 });
  });

  test("finds what is lost, doubled, failed, left and wrongly recorded", () => {
    const comparison = compare(readDeliveries(`${log}@ d-6 202 e-6\n@ d-6 200 e-7`), [record(1), record(1, "e-1b"), record(4), record(6, "e-6", "FAILED")]);
    expect(comparison).toMatchObject({ lost: ["d-5"], doubled: ["d-1", "d-6"], notSucceeded: ["d-6 FAILED"], wronglyRecorded: ["d-4"] });
    expect(failedOf(judgeRecords(comparison, 3))).toEqual(["everything accepted ended by itself", "lost", "doubled", "ended otherwise than SUCCESS", "recorded though refused for good"]);
  });

  test("finds an answer that names another execution than the recorded one, and a scenario that accepted nothing", () => {
    expect(compare(readDeliveries("@ d-1 202 e-1"), [record(1, "e-9")]).lost).toEqual(["d-1"]);
    expect(failedOf(judgeRecords(compare([], []), 0))).toEqual(["something was accepted"]);
  });
});

describe("verdicts", () => {
  test("take every threshold of k6, with what was found", () => {
    const metrics = { accepted_duration: { values: { "p(95)": 12.3456 }, thresholds: { "p(95)<10": { ok: false } } }, answered: { values: { rate: 1 }, thresholds: { "rate==1": { ok: true } } }, iterations: { values: { count: 3 } } };
    expect(judgeThresholds({ metrics })).toEqual([
      { title: "accepted_duration p(95)<10", isPassed: false, found: "12.346" },
      { title: "answered rate==1", isPassed: true, found: "1" },
    ]);
  });

  test("refuse an ingress that grows, is restarted or does not tell", () => {
    const use = { startMib: 100, peakMib: 200, samples: 5, isSameProcess: true };
    expect(failedOf(judgeIngress(use))).toEqual([]);
    expect(failedOf(judgeIngress({ ...use, peakMib: 900 }))).toHaveLength(1);
    expect(failedOf(judgeIngress({ ...use, isSameProcess: false }))).toHaveLength(1);
    expect(failedOf(judgeIngress({ ...use, samples: 0, peakMib: 0 }))).toHaveLength(1);
  });

  test("read a metric without labels", () => {
    expect(valueOf("# HELP a b\nab 3\na 2.5e3\n", "a")).toBe(2_500);
    expect(valueOf("", "a")).toBeNaN();
  });
});
