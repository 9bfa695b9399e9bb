import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const folder = new URL("../../docs/decisions/", import.meta.url);
const files = readdirSync(folder).toSorted();

test("decisions are numbered from 1 without gaps, each number once, in the name and in the heading", () => {
  expect(files.map((file) => /^(\d{4})-[a-z-]+\.md$/.exec(file)?.[1])).toEqual(files.map((_, index) => String(index + 1).padStart(4, "0")));
  expect(files.map((file) => /^# (\d+)\. /.exec(readFileSync(new URL(file, folder), "utf8"))?.[1])).toEqual(files.map((_, index) => String(index + 1)));
});
