import { fileParamsSchema } from "@fluxo/nodes/trigger-file/definition";
import type { JsonObject } from "@fluxo/core/json";
import { expect, test } from "vitest";
import { isSettled } from "./is-settled.ts";
import { fileConfig } from "./testing/folder.ts";

const NOW = new Date("2026-01-05T07:00:00.000Z");
const S3 = { source: { kind: "s3", bucket: "reports" }, credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a03" };
const QUIET = { mode: "size", quietMs: 1_000 };

test.each<[boolean, string, JsonObject, number, number]>([
  [true, "quiet for long enough", { stability: QUIET }, 1, 1_000],
  [false, "not quiet for long enough", { stability: QUIET }, 1, 999],
  [false, "empty, quiet for less than ten times as long", { stability: QUIET }, 0, 9_999],
  [true, "empty, quiet for ten times as long", { stability: QUIET }, 0, 10_000],
  [false, "of a file system whose clock is ahead", { stability: QUIET }, 1, -60_000],
  [true, "of a clock ahead, with nothing to wait for", { stability: { mode: "size", quietMs: 0 } }, 0, -60_000],
  [true, "renamed into place just now", { stability: { mode: "renameIn" } }, 0, 0],
  [true, "with its done file", { stability: { mode: "doneFile" } }, 0, 0],
  [false, "without a done file of this suffix", { stability: { mode: "doneFile", suffix: ".ok" } }, 1, 100_000],
  [true, "an object", { ...S3, stability: QUIET }, 0, 0],
])("%s: %s", (expected, _name, params, size, ageMs) => {
  const listing = { files: new Map(), unreadable: [], doneFiles: new Set(["a.done"]) };
  const facts = { size, mtime: "1", inode: "1", ctime: `${NOW.getTime() - ageMs}000000` };
  expect(isSettled("a", facts, listing, fileParamsSchema.parse(fileConfig(params)), NOW)).toBe(expected);
});
