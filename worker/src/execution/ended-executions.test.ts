import { expect, test } from "vitest";
import { EndedExecutions } from "./ended-executions.ts";

test("the latest ids are known, the oldest are forgotten first", () => {
  const ended = new EndedExecutions(2);
  for (const id of ["a", "b", "b", "c"]) ended.add(id);
  expect(["a", "b", "c", "d"].map((id) => ended.has(id))).toEqual([false, true, true, false]);
});
