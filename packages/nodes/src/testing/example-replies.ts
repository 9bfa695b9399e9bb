import type { NodeType } from "../catalog.ts";
import type { Reply } from "./provider.ts";

const json = (body: unknown): Reply => ({ headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** What the provider has to answer for the examples of a type; others get along with its usual answer. */
export const EXAMPLE_REPLIES: Partial<Record<NodeType, Reply>> = {
  "http.request": json({ ok: true, items: [1, 2], next: null }),
  "ai.prompt": json({
    id: "chatcmpl-1",
    created: 1_767_596_400,
    model: "gpt-4.1-mini",
    choices: [{ index: 0, message: { role: "assistant", content: '{"mood":"good","score":1}' }, finish_reason: "stop" }],
    usage: { prompt_tokens: 12, completion_tokens: 6 },
  }),
  "s3.object": {
    headers: { "content-type": "application/xml", etag: '"e1"', "last-modified": "Mon, 05 Jan 2026 07:00:00 GMT" },
    body: "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>2026/a.txt</Key><Size>3</Size><ETag>&quot;e1&quot;</ETag><LastModified>2026-01-05T07:00:00.000Z</LastModified></Contents></ListBucketResult>",
  },
};
