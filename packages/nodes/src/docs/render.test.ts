import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeCatalog } from "../catalog.ts";
import { renderNodeDocs } from "./render.ts";

const directory = join(import.meta.dirname, "../../../../docs/nodes");
const pages = renderNodeDocs(describeCatalog());

describe("docs/nodes", () => {
  test("holds one page per node type and the index, and nothing else", () => {
    expect(readdirSync(directory).toSorted()).toEqual([...pages.keys()].toSorted());
  });

  test.each([...pages])("%s is what the definitions say (else: node packages/nodes/src/docs/write.ts)", (name, page) => {
    expect(readFileSync(join(directory, name), "utf8")).toBe(page);
  });

  test("shows the parameters of every form of a choice", () => {
    const page = pages.get("trigger.webhook.md") ?? "";
    expect(page).toContain("| `authentication {mode: hmac}.encoding` | `hex`, `base64` | required | How the signature is written. |");
    expect(page).toContain("| `methods` | array of `GET`, `POST`, `PUT`, `PATCH`, `DELETE` | `[\"POST\"]` |");
  });

  test("shows the parameters inside of lists", () => {
    expect(pages.get("if.md")).toContain("| `conditions[].left` | any value | required | What is looked at. |");
  });
});
