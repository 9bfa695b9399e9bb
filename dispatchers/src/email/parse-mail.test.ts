import { ATTACHMENT_BYTES_MAX } from "@fluxo/nodes/trigger-email/definition";
import { expect, test } from "vitest";
import { parseMail } from "./parse-mail.ts";
import { mailText, poisonText } from "./testing/mail.ts";

const parse = (mail: string | Buffer, parts: Partial<Parameters<typeof parseMail>[1]> = {}): ReturnType<typeof parseMail> =>
  parseMail({ provider: "imap", uid: "7", receivedAt: new Date(0), source: Buffer.from(mail) }, { bodyBytesMax: 1_024, withAttachments: true, ...parts });

const withParts = (parts: readonly string[]): string => `From: a@example.com\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n${parts.map((part) => `--b\r\n${part}\r\n`).join("")}--b--\r\n`;

test("a body is cut at whole characters", async () => {
  const { text, isCut } = await parse(mailText({ id: "a", body: "ü".repeat(1_000) }));
  expect([text, isCut]).toEqual(["ü".repeat(512), true]);
});

test("attachments keep their content up to a bound for all of them, and are listed beyond it", async () => {
  const half = Buffer.alloc(Math.floor(ATTACHMENT_BYTES_MAX * 0.6), "x").toString("base64").replaceAll(/.{76}/g, "$&\r\n");
  const part = (name: string, content: string): string => `Content-Type: application/pdf; name="${name}"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n${content}`;
  const mail = withParts([part("a.pdf", half), part("b.pdf", half), part("c.pdf", Buffer.from("c").toString("base64"))]);
  expect((await parse(mail)).attachments.map(({ name, content }) => [name, content !== undefined])).toEqual([["a.pdf", true], ["b.pdf", false], ["c.pdf", true]]);
  expect((await parse(mail, { withAttachments: false })).attachments.map(({ content }) => content)).toEqual([undefined, undefined, undefined]);
});

test("what a parser could choke on is refused, with a reason", async () => {
  for (const mail of ["", "no head", "\r\n\r\nbody", poisonText("a"), withParts(Array.from({ length: 600 }, () => "Content-Type: text/plain\r\n\r\nx"))]) {
    await expect(parse(mail)).rejects.toMatchObject({ code: "DATA_UNREADABLE", message: expect.stringMatching(/^The mail cannot be read: \w/) });
  }
});

test("deep HTML, broken encodings, half characters, odd dates and addresses are data", async () => {
  const mail = await parse(
    Buffer.from(`From: "unclosed <a@example\r\nTo: , ;\r\nDate: Wed, 99 Foo 99999 99:99\r\nSubject: =?utf-8?q?=ED=A0=80?= =?nope?x?y?=\r\nContent-Type: text/html; charset=nope\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from("<b>".repeat(50_000)).toString("base64")}!!!`),
  );
  expect(mail).toMatchObject({ date: null, isCut: true, attachments: [] });
  expect(JSON.stringify(mail).isWellFormed()).toBe(true);
});
