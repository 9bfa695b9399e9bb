import type { Json } from "@fluxo/core/json";
import { expect, test } from "vitest";
import { parseSqlArray } from "./sql-array.ts";

const read = (text: string): Json[] => parseSqlArray(text, (item) => item);

test.each<[string, Json[]]>([
  ["{}", []],
  ["{1,2}", ["1", "2"]],
  ['{NULL,"NULL",null}', [null, "NULL", "null"]],
  ['{"a,b","c\\"d","e\\\\f","{}",""}', ["a,b", 'c"d', "e\\f", "{}", ""]],
  ["{{1,2},{3,4}}", [["1", "2"], ["3", "4"]]],
  ["[0:1]={7,8}", ["7", "8"]],
  ['{"line\nbreak",ü}', ["line\nbreak", "ü"]],
])("%s", (text, items) => {
  expect(read(text)).toEqual(items);
});

test.each(["", "1", "{", "{1", '{"a', '{"a\\', "{{{{{{{1}}}}}}}", "{".repeat(100_000)])("refuses %.20s", (text) => {
  expect(() => read(text)).toThrow(SyntaxError);
});
