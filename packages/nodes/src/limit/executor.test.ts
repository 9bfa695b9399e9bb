import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeContext } from "../testing/node-context.ts";

const items = [1, 2, 3, 4, 5];

describe("limit", () => {
  test.each([
    [{ count: 2 }, [1, 2]],
    [{ count: 2, from: "last" }, [4, 5]],
    [{ count: 2, skip: 1 }, [2, 3]],
    [{ count: 2, skip: 1, from: "last" }, [3, 4]],
    [{ count: 9 }, items],
    [{ count: 9, from: "last" }, items],
    [{ count: 0 }, []],
    [{ count: 2, skip: 9 }, []],
    [{ count: 2, skip: 9, from: "last" }, []],
    [{ count: 3, skip: 4, from: "last" }, [1]],
  ])("keeps with %j %j", async (params, kept) => {
    const output = { items: kept, count: kept.length, omitted: items.length - kept.length };
    await expect(executeNode("limit", { items, ...params }, nodeContext())).resolves.toEqual({ kind: "done", output });
  });

  test("from the end is from the beginning of the reversed list", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer()), fc.nat(20), fc.nat(20), async (list, count, skip) => {
        const last = doneOf(await executeNode("limit", { items: list, count, skip, from: "last" }, nodeContext()));
        const first = doneOf(await executeNode("limit", { items: list.toReversed(), count, skip }, nodeContext()));
        expect(last.output).toEqual({ ...Object(first.output), items: Object(first.output).items.toReversed() });
      }),
    );
  });

  test.each([{ count: -1 }, { count: 1.5 }, { count: 1, skip: -1 }, { count: 1, items: "abc" }, { count: 1, items: { length: 3 } }, {}])("refuses %j", async (params) => {
    await expect(executeNode("limit", { items, ...params }, nodeContext())).rejects.toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
  });
});
