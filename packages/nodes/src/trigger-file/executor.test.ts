import type { JsonObject } from "@fluxo/core/json";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { nodeContext } from "../testing/node-context.ts";
import { CONTENT_BYTES_MAX } from "./definition.ts";
import { patternProblem } from "./pattern.ts";

const ID = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a03";
const folder = { kind: "folder", path: "in" };
const bucket = { kind: "s3", bucket: "reports" };

test("trigger.file gives the change", async () => {
  const trigger = { event: "added", path: "a/b.csv", size: 3, modifiedAt: "2026-01-05T08:00:00.000Z" };
  await expect(executeNode("trigger.file", { source: folder }, nodeContext({ trigger }))).resolves.toEqual({ kind: "done", output: trigger });
});

describe("with content: reference, trigger.file", () => {
  const params = { source: folder, content: "reference" };
  const change = { event: "added", path: "a/b.csv", size: 3, modifiedAt: "2026-01-05T08:00:00.000Z" };

  test.each(["", "1,2", "x".repeat(CONTENT_BYTES_MAX)])("gives the recorded content as a file of the execution (case %#)", async (text) => {
    const files = new MemoryFiles();
    const trigger = { ...change, content: Buffer.from(text).toString("base64"), mediaType: "text/csv" };
    const result = await executeNode("trigger.file", params, nodeContext({ trigger, files }));
    const file = await files.save({ name: "b.csv", mediaType: "text/csv", content: Buffer.from(text) });
    expect(result).toEqual({ kind: "done", output: { ...change, file } });
    expect(Buffer.from(await files.read(file.fileId)).equals(Buffer.from(text))).toBe(true);
  });

  test("gives content that was copied before as it is", async () => {
    const files = new MemoryFiles();
    const file = await files.save({ name: "b.csv", mediaType: "text/csv", content: Buffer.from("1,2") });
    await expect(executeNode("trigger.file", params, nodeContext({ trigger: { ...change, file: { ...file } }, files }))).resolves.toEqual({ kind: "done", output: { ...change, file } });
  });

  test("says why there is none", async () => {
    const trigger = { ...change, fileMissing: "tooLarge" };
    await expect(executeNode("trigger.file", params, nodeContext({ trigger }))).resolves.toEqual({ kind: "done", output: { ...trigger, file: null } });
  });

  test("refuses what is no change of a file", async () => {
    for (const trigger of [{ a: 1 }, { ...change, content: "no base64!" }, { ...change, event: "seen" }]) {
      await expect(executeNode("trigger.file", params, nodeContext({ trigger }))).rejects.toMatchObject({ errorClass: "DATA", code: "DATA_UNREADABLE" });
    }
  });
});

test.each<[JsonObject, string]>([
  [{ source: { kind: "folder", path: "../other" } }, "/source/path must be relative"],
  [{ source: { kind: "folder", path: "/etc" } }, "/source/path must be relative"],
  [{ source: { kind: "folder", path: "a/./b" } }, "/source/path must be relative"],
  [{ source: { kind: "folder", path: "a/" } }, "/source/path must be relative"],
  [{ source: { kind: "folder", path: "a\u0000b" } }, "/source/path must hold no control characters"],
  [{ source: { kind: "s3", bucket: "evil/x" }, credential: ID }, "/source/bucket must be a bucket name"],
  [{ source: bucket }, "/credential must be there"],
  [{ source: folder, credential: ID }, "/credential must be absent"],
  [{ source: folder, events: ["added", "added"] }, "/events must name each event once"],
  [{ source: folder, include: ["*a*a*a*"] }, "/include/0 may hold 4 wildcards"],
  [{ source: folder, content: "inline" }, "/content"],
  [{ source: folder, stability: { mode: "doneFile", suffix: "/x" } }, "/stability/suffix must be"],
])("trigger.file refuses %j", async (params, named) => {
  const error = await nodeErrorOf(executeNode("trigger.file", params, nodeContext()));
  expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
  expect(error.message).toContain(named);
});

describe("patterns", () => {
  test.each(["**", "**/*.csv", "data/*/in/*.{csv,txt}", "**/*_report_*.pdf", "a?c/[abc]*"])("%s is taken", (pattern) => expect(patternProblem(pattern)).toBeUndefined());
  test.each(["/abs", "!(a)", "a|b", "{a,{b,c}}", "{*a,*b}", "{1..9}", "*/*/*/*/*", "\\*", "{a", "{a,b}{c,d}{e,f}"])("%s is not taken", (pattern) => expect(patternProblem(pattern)).toBeTypeOf("string"));
});
