import { expect, test } from "vitest";
import { KEY_FIELDS, mailKey, readHead } from "./mail-key.ts";

const MAIL = "Received: from a\r\n\tby b\r\nFrom: A <a@example.com>\r\nTo: b@example.com\r\nSubject: Hello\r\n there\r\nDate: Mon, 05 Jan 2026 08:00:00 +0100\r\nMessage-ID: <1@example.com>\r\nX-Other: x\r\n\r\nSubject: body\r\n";
const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");
const without = (name: string, mail = MAIL): string => mail.replace(new RegExp(`^${name}:.*\\r\\n(?:[ \\t].*\\r\\n)*`, "m"), "");

test("a head is read unfolded, by lower-case names, up to the empty line", () => {
  expect(readHead(bytesOf(MAIL)).get("subject")).toEqual(["Hello there"]);
  expect(readHead(bytesOf(MAIL)).get("received")).toEqual(["from a by b"]);
  expect(readHead(bytesOf(MAIL.replaceAll("\r\n", "\n"))).get("message-id")).toEqual(["<1@example.com>"]);
});

test("the whole mail and its fields alone, as a server gives them, have the same key", () => {
  const fields = [...readHead(bytesOf(MAIL))].filter(([name]) => KEY_FIELDS.some((key) => key === name)).map(([name, [value]]) => `${name}: ${value}\r\n`);
  for (const mail of [MAIL, without("Message-ID")]) {
    const head = fields.filter((field) => mail !== MAIL ? !field.startsWith("message-id") : true).join("");
    expect(mailKey(bytesOf(`${head}\r\n`), mail.length)).toBe(mailKey(bytesOf(mail), mail.length));
  }
});

test("the way of a mail and its size matter only without a Message-ID", () => {
  const size = MAIL.length;
  expect(mailKey(bytesOf(without("Received")), size + 1)).toBe(mailKey(bytesOf(MAIL), size));
  const bare = without("Message-ID");
  const keys = [mailKey(bytesOf(bare), size), mailKey(bytesOf(bare), size + 1), mailKey(bytesOf(without("Received", bare)), size), mailKey(bytesOf(MAIL), size)];
  expect(new Set(keys).size).toBe(4);
});

test("mails of one id with another subject, sender or date are others; so are two without any head", () => {
  const keys = [MAIL, MAIL.replace("Hello", "Hi"), MAIL.replace("a@", "c@"), MAIL.replace("05 Jan", "06 Jan"), "\r\none", "\r\ntwo"].map((mail) => mailKey(bytesOf(mail), mail.length));
  expect(new Set(keys).size).toBe(6);
});
