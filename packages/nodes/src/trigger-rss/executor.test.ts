import { expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";
import { rssParamsSchema } from "./definition.ts";

const ITEM = { id: "1", title: "One", link: "https://example.com/1", author: null, publishedAt: null, summary: null, content: "<p>1</p>", categories: ["a"], enclosures: [], feed: { title: "F", link: null, url: "https://example.com/feed" } };

test("trigger.rss gives the item", async () => {
  await expect(executeNode("trigger.rss", { url: "https://example.com/feed" }, nodeContext({ trigger: ITEM }))).resolves.toEqual({ kind: "done", output: ITEM });
});

test.each(["ftp://example.com/feed", "https://user:word@example.com/feed", "example.com/feed", "{{ trigger.url }}"])("%s is no address of a feed", (url) => {
  expect(rssParamsSchema.safeParse({ url }).success).toBe(false);
});
