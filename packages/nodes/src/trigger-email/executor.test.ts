import { createHash } from "node:crypto";
import type { NodeContext } from "@fluxo/core/node/executor";
import { expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";
import { emailTrigger } from "./definition.ts";

const CREDENTIAL = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a15";
const params = { credential: CREDENTIAL, source: { provider: "imap" }, attachments: "reference" };
const attachment = { name: "a.csv", mediaType: "text/csv", bytes: 3, isInline: false, contentId: null };
const mail = {
  provider: "imap", uid: "7", messageId: "<1@example.com>", from: [{ name: "A", address: "a@example.com" }], to: [], cc: [], replyTo: [], subject: "Hello", date: null,
  receivedAt: "2026-01-05T08:00:00.000Z", text: "Hi", html: null, isCut: false, headers: {},
};

test("trigger.email gives the mail, its attachments as files of the execution", async () => {
  const saved: string[] = [];
  const files: NodeContext["files"] = {
    save: ({ name, mediaType, content }) => {
      saved.push(Buffer.from(content).toString("utf8"));
      return Promise.resolve({ fileId: CREDENTIAL, name, mediaType, bytes: content.byteLength, sha256: createHash("sha256").update(content).digest("hex") });
    },
    read: () => Promise.reject(new Error("Nothing is read.")),
  };
  const trigger = { ...mail, attachments: [{ ...attachment, content: Buffer.from("1,2").toString("base64") }, attachment] };
  const result = await executeNode("trigger.email", params, nodeContext({ trigger, files }));
  expect(result).toEqual({ kind: "done", output: { ...mail, attachments: [{ ...attachment, file: expect.objectContaining({ name: "a.csv", bytes: 3 }) }, { ...attachment, file: null }] } });
  expect(saved).toEqual(["1,2"]);
});

test("what is no mail is refused", async () => {
  await expect(executeNode("trigger.email", params, nodeContext({ trigger: { a: 1 } }))).rejects.toMatchObject({ code: "DATA_UNREADABLE" });
});

test("a new baseline is taken for another source, not for other manners", () => {
  const key = (source: object, rest: object = {}): string => JSON.stringify(emailTrigger.sourceKey?.({ credential: CREDENTIAL, source, ...rest }));
  const imap = key({ provider: "imap" });
  expect(key({ provider: "imap", mailbox: "INBOX", afterSuccess: "move", moveTo: "Handled" }, { intervalSeconds: 60, attachments: "reference" })).toBe(imap);
  expect(key({ provider: "imap", mailbox: "Work" })).not.toBe(imap);
  expect(key({ provider: "gmail", labels: ["A", "B"] })).toBe(key({ provider: "gmail", labels: ["B", "A"] }));
  expect(key({ provider: "gmail", query: "is:unread" })).not.toBe(key({ provider: "gmail" }));
});

test("where a mail is moved to is asked for exactly when it is moved", () => {
  const isValid = (source: object): boolean => emailTrigger.params.safeParse({ credential: CREDENTIAL, source: { provider: "imap", ...source } }).success;
  expect([{}, { afterSuccess: "move", moveTo: "Handled" }].map(isValid)).toEqual([true, true]);
  expect([{ afterSuccess: "move" }, { moveTo: "Handled" }, { afterSuccess: "move", moveTo: "INBOX" }, { mailbox: "a*" }].map(isValid)).toEqual([false, false, false, false]);
});
