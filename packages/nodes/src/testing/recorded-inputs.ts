import type { JsonObject } from "@fluxo/core/json";
import type { NodeType } from "../catalog.ts";

/** What dispatchers record for the triggers that take nothing else. */
export const RECORDED_INPUTS: Partial<Record<NodeType, JsonObject>> = {
  "trigger.email": {
    provider: "imap",
    uid: "42",
    messageId: "<1@example.com>",
    from: [{ name: "Ada", address: "ada@example.com" }],
    to: [{ name: "", address: "team@example.com" }],
    cc: [],
    replyTo: [],
    subject: "Hello",
    date: "2026-01-05T07:00:00.000Z",
    receivedAt: "2026-01-05T07:00:01.000Z",
    text: "Hi there.",
    html: null,
    isCut: false,
    headers: {},
    attachments: [{ name: "a.csv", mediaType: "text/csv", bytes: 3, isInline: false, contentId: null }],
  },
  "trigger.file": { event: "added", path: "a/b.csv", size: 3, modifiedAt: "2026-01-05T08:00:00.000Z", content: "MSwy", mediaType: "text/csv" },
};
