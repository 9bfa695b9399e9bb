import { expect, test } from "vitest";
import { entityTag, revisionsOf } from "./entity-tag.ts";

test.each([
  [undefined, undefined],
  ["*", undefined],
  [entityTag(7), [7]],
  ['"1", "22" , W/"3"', [1, 22]],
  ['"x", "01", "-1", ""', []],
  ['"99999999999"', []],
])("%s accepts %j", (header, revisions) => {
  expect(revisionsOf(header)).toEqual(revisions);
});
