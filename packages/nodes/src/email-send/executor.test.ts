import { createServer, type Server, type Socket } from "node:net";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import type { DialTarget } from "@fluxo/core/ports/dial";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeContext } from "@fluxo/core/node/executor";
import { simpleParser, type ParsedMail } from "mailparser";
import type { SMTPServerOptions } from "smtp-server";
import { afterEach, describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { localDialer } from "../testing/local-dialer.ts";
import { MemoryCredentials } from "../testing/memory-credentials.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { NOW, nodeContext } from "../testing/node-context.ts";
import { startSmtpServer, type TestSmtpServer } from "../testing/smtp-server.ts";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { emailSend } from "./definition.ts";

const CREDENTIAL = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a14";
const BASIC = { credential: CREDENTIAL, from: "Shop <shop@example.com>", to: "ada@example.net", subject: "Hello", text: "Hi Ada" };
const TLS: SMTPServerOptions = { cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY };

type SmtpFields = Extract<OpenCredential, { kind: "smtp" }>["fields"];

const open: (() => PromiseLike<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function startServer(options: SMTPServerOptions = {}): Promise<TestSmtpServer> {
  const server = await startSmtpServer(options);
  open.push(() => server[Symbol.asyncDispose]());
  return server;
}

/** A server that says `lines` in turn, one for each line it hears (the first one at once), and then nothing. */
async function startScript(lines: readonly string[]): Promise<{ readonly port: number; readonly heard: string[] }> {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const left = [...lines];
    const answer = (): void => {
      const line = left.shift();
      if (line === "HANG UP") socket.destroy();
      else if (line !== undefined) socket.write(`${line}\r\n`);
    };
    sockets.add(socket);
    socket.on("error", () => undefined).on("data", (data) => {
      for (const line of data.toString("latin1").split("\r\n").filter((text) => text !== "")) {
        heard.push(line);
        answer();
      }
    });
    answer();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => {
      server.close(resolve);
    });
  });
  const address = server.address();
  return { port: typeof address === "object" && address !== null ? address.port : 0, heard };
}

function contextFor(port: number, fields: Partial<SmtpFields> = {}, parts: Partial<NodeContext> = {}, seen: DialTarget[] = []): NodeContext {
  const credential: OpenCredential = { id: CREDENTIAL, kind: "smtp", fields: { host: "secure.test", port: 587, security: "none", ...fields }, accessToken: undefined };
  return nodeContext({ dial: localDialer(port, seen), credentials: new MemoryCredentials([credential]), files: new MemoryFiles(), ...parts });
}

async function run(params: JsonObject, context: NodeContext): Promise<Json> {
  const result = await executeNode("email.send", { ...BASIC, ...params }, context);
  return result.kind === "done" ? result.output : result.kind;
}

async function received(params: JsonObject, parts: Partial<NodeContext> = {}): Promise<ParsedMail> {
  const server = await startServer();
  await run(params, contextFor(server.port, {}, parts));
  return simpleParser(server.messages[0]?.raw ?? "");
}

describe("the message", () => {
  test("arrives with its parts, and the output tells what the server said", async () => {
    const server = await startServer();
    const context = contextFor(server.port);
    const output = await run({ to: ["ada@example.net", "Grace <grace@example.net>"], cc: "cc@example.net", bcc: ["hidden@example.net", "ada@example.net"], replyTo: "team@example.com", html: "<p>Hi</p>" }, context);
    const [message] = server.messages;
    const mail = await simpleParser(message?.raw ?? "");
    expect(message).toMatchObject({ from: "shop@example.com", to: ["ada@example.net", "grace@example.net", "cc@example.net", "hidden@example.net"], isSecure: false, user: undefined });
    expect(mail).toMatchObject({ subject: "Hello", text: "Hi Ada", html: "<p>Hi</p>", date: NOW });
    expect([mail.from?.text, [mail.to].flat()[0]?.text, [mail.cc].flat()[0]?.text, mail.replyTo?.text]).toEqual(['"Shop" <shop@example.com>', 'ada@example.net, "Grace" <grace@example.net>', "cc@example.net", "team@example.com"]);
    expect(message?.raw.toString()).not.toContain("hidden@example.net");
    expect(output).toEqual({ messageId: mail.messageId, accepted: ["ada@example.net", "grace@example.net", "cc@example.net", "hidden@example.net"], rejected: [], response: expect.stringMatching(/^250 /) });
  });

  test("has the same Message-ID over attempts, another one for another node, item or execution", async () => {
    const server = await startServer();
    for (const parts of [{}, { attempt: 2 }, { idempotencyKey: "execution-1:node:1" }]) await run({}, contextFor(server.port, {}, parts));
    const ids = await Promise.all(server.messages.map(async ({ raw }) => (await simpleParser(raw)).messageId));
    expect(ids[0]).toMatch(/^<[0-9a-f]{40}@example\.com>$/);
    expect([ids[1] === ids[0], ids[2] === ids[0]]).toEqual([true, false]);
  });

  test("carries attachments as they were stored, and images that the HTML shows", async () => {
    const files = new MemoryFiles();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index % 256);
    const pdf = await files.save({ name: "Übersicht 1.pdf", mediaType: "application/pdf", content: bytes });
    const logo = await files.save({ name: "logo.png", mediaType: "image/png", content: Uint8Array.of(1, 2, 3) });
    const mail = await received({ html: '<img src="cid:logo">', attachments: [pdf, { file: logo, contentId: "logo", name: "sign.png" }] }, { files });
    const [image, report] = mail.attachments.toSorted((left, right) => left.size - right.size);
    expect([report?.filename, report?.contentType, report?.content.equals(bytes)]).toEqual(["Übersicht 1.pdf", "application/pdf", true]);
    expect([image?.filename, image?.contentType, image?.cid, image?.related]).toEqual(["sign.png", "image/png", "logo", true]);
  });

  test("takes what others may have put into names, types, headers and bodies as data", async () => {
    const files = new MemoryFiles();
    const file = await files.save({ name: "a.txt", mediaType: "text/plain", content: Buffer.from("x") });
    const mail = await received(
      {
        from: { name: 'Eve" <eve@evil.example>', address: "shop@example.com" },
        subject: "=?utf-8?Q?a?= <b>",
        text: ".\r\nRCPT TO:<eve@evil.example>\r\n.\r\nQUIT\r\n",
        headers: { "X-Note": "über 7", "List-Unsubscribe": "<https://example.com/u>" },
        attachments: [{ ...file, name: "../x/a\r\nX-Evil: 1.txt", mediaType: "text/plain\r\nX-Evil: 1" }],
      },
      { files },
    );
    expect(mail.from?.value).toEqual([{ name: 'Eve" <eve@evil.example>', address: "shop@example.com" }]);
    expect(mail.headers.has("x-evil")).toBe(false);
    expect(mail.headers.get("x-note")).toBe("=?UTF-8?Q?=C3=BCber_7?=");
    expect(mail.attachments.map(({ filename, headers }) => [filename, headers.has("x-evil")])).toEqual([["aX-Evil: 1.txt", false]]);
    expect(mail.text).toBe(".\nRCPT TO:<eve@evil.example>\n.\nQUIT\n");
  });

  test.each<[string, JsonObject]>([
    ["no recipient", { to: [] }],
    ["two addresses in one text", { to: "a@example.com,b@example.com" }],
    ["a line break in the subject", { subject: "a\r\nBcc: eve@evil.example" }],
    ["a header that steers", { headers: { Bcc: "eve@evil.example" } }],
    ["a header name that is none", { headers: { "X-A:\r\nBcc": "eve@evil.example" } }],
    ["a line break in a header", { headers: { "X-A": "a\r\nBcc: eve@evil.example" } }],
    ["neither text nor HTML", { text: undefined as never }],
    ["too many recipients", { to: Array.from({ length: 60 }, (_, index) => `a${index}@example.com`), cc: Array.from({ length: 41 }, (_, index) => `b${index}@example.com`) }],
    ["too large attachments", { attachments: [{ fileId: CREDENTIAL, name: "a", mediaType: "a/b", bytes: 20_971_521, sha256: "0".repeat(64) }] }],
    ["a path for an attachment", { attachments: [{ path: "/etc/passwd" }] }],
  ])("refuses %s, and nothing is dialed", async (_what, params) => {
    const seen: DialTarget[] = [];
    await expect(run(params, contextFor(1, {}, {}, seen))).rejects.toMatchObject({ code: "PARAMS_INVALID" });
    expect(seen).toEqual([]);
  });

  test("without the file there is no message", async () => {
    const seen: DialTarget[] = [];
    const attachments = [{ fileId: CREDENTIAL, name: "a", mediaType: "a/b", bytes: 1, sha256: "0".repeat(64) }];
    await expect(run({ attachments }, contextFor(1, {}, {}, seen))).rejects.toMatchObject({ code: "FILE_NOT_FOUND" });
    expect(seen).toEqual([]);
  });
});

describe("the connection", () => {
  const login = { username: "user", password: "right" };

  test.each<[SmtpFields["security"], number, SMTPServerOptions]>([
    ["tls", 465, { ...TLS, secure: true }],
    ["starttls", 587, TLS],
  ])("%s with a login and a certificate of an own authority", async (security, port, options) => {
    const server = await startServer(options);
    const seen: DialTarget[] = [];
    await run({}, contextFor(server.port, { security, port, ca: TEST_CERTIFICATE, ...login }, {}, seen));
    expect(server.messages).toMatchObject([{ isSecure: true, user: "user" }]);
    expect(seen).toMatchObject([{ protocol: "smtp", host: "secure.test", port, tls: security === "tls", timeoutMs: 60_000 }]);
  });

  test.each<[string, Partial<SmtpFields>, SMTPServerOptions]>([
    ["TLS, unknown authority", { security: "tls" }, { ...TLS, secure: true }],
    ["TLS, another name", { security: "tls", host: "other.test", ca: TEST_CERTIFICATE }, { ...TLS, secure: true }],
    ["STARTTLS, unknown authority", { security: "starttls" }, TLS],
    ["STARTTLS, another name", { security: "starttls", host: "other.test", ca: TEST_CERTIFICATE }, TLS],
    ["STARTTLS that the server does not offer", { security: "starttls", ca: TEST_CERTIFICATE }, {}],
  ])("%s: nothing is sent, no login either", async (_what, fields, options) => {
    const logins: string[] = [];
    const server = await startServer({ ...options, onAuth: ({ username }, _session, done) => (logins.push(username ?? ""), done(null, { user: "user" })) });
    const error = await nodeErrorOf(run({}, contextFor(server.port, { ...fields, ...login })));
    expect(error).toMatchObject({ errorClass: "CONNECTION", code: "CONNECTION_FAILED", nothingDone: true });
    expect([server.messages, logins]).toEqual([[], []]);
  });

  test("a wrong password, and a server without login", async () => {
    const server = await startServer();
    const wrong = await nodeErrorOf(run({}, contextFor(server.port, { username: "user", password: "not-the-secret" })));
    expect(wrong).toMatchObject({ errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED", message: expect.stringContaining("535") });
    expect(wrong.message).not.toContain("not-the-secret");
    const none = await startServer({ disabledCommands: ["AUTH", "STARTTLS"] });
    await expect(run({}, contextFor(none.port, login))).rejects.toMatchObject({ errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED", message: "secure.test offers no login." });
    expect([...server.messages, ...none.messages]).toEqual([]);
  });

  test("nobody there", async () => {
    await expect(run({}, contextFor(1))).rejects.toMatchObject({ code: "CONNECTION_FAILED", nothingDone: true });
  });
});

describe("what servers answer", () => {
  const greeting = ["220 hello", "250 hello"];

  test("some recipients refused: the message goes to the others", async () => {
    const onRcptTo: SMTPServerOptions["onRcptTo"] = ({ address }, _session, done) => done(address.startsWith("gone") ? Object.assign(new Error("5.1.1 No such user"), { responseCode: 550 }) : null);
    const server = await startServer({ onRcptTo });
    const output = await run({ to: ["ada@example.net", "gone@example.net"] }, contextFor(server.port));
    expect(output).toMatchObject({ accepted: ["ada@example.net"], rejected: [{ address: "gone@example.net", response: "550 5.1.1 No such user" }] });
    const all = await nodeErrorOf(run({ to: "gone@example.net" }, contextFor(server.port)));
    expect(all).toMatchObject({ errorClass: "DATA", code: "PROVIDER_REJECTED", message: "secure.test answered 550 5.1.1 No such user" });
    expect(server.messages).toHaveLength(1);
  });

  test.each<[string, readonly string[], string]>([
    ["busy at the greeting", ["421 too busy"], "SERVER/PROVIDER_FAILED/true"],
    ["sender not yet", [...greeting, "451 greylisted"], "SERVER/PROVIDER_FAILED/true"],
    ["sender never", [...greeting, "550 no"], "DATA/PROVIDER_REJECTED/true"],
    ["login needed", [...greeting, "530 login first"], "CREDENTIAL/CREDENTIAL_REJECTED/true"],
    ["content refused", [...greeting, "250 ok", "250 ok", "554 spam"], "DATA/PROVIDER_REJECTED/true"],
    ["hung up after the greeting", [greeting[0] ?? "", "HANG UP"], "CONNECTION/CONNECTION_FAILED/true"],
    ["hung up in the envelope", [...greeting, "HANG UP"], "CONNECTION/CONNECTION_FAILED/false"],
    ["no SMTP at all", ["HTTP/1.1 400 Bad Request"], "CONNECTION/CONNECTION_FAILED/true"],
    ["endless answer", [`220-${"x".repeat(70_000)}`], "CONNECTION/CONNECTION_FAILED/true"],
  ])("%s", async (_what, lines, expected) => {
    const script = await startScript(lines);
    const error = await nodeErrorOf(run({}, contextFor(script.port)));
    expect(`${error.errorClass}/${error.code}/${error.nothingDone}`).toBe(expected);
  });

  test("a message that the server is too small for", async () => {
    const server = await startServer({ size: 1_000 });
    await expect(run({ text: "x".repeat(5_000) }, contextFor(server.port))).rejects.toMatchObject({ code: "PROVIDER_REJECTED" });
  });

  test.each<[string, readonly string[], boolean]>([
    ["before the greeting", [], true],
    ["in the envelope", [...greeting], false],
  ])("silence %s ends with the time-out, and with the signal's reason when that is first", async (_what, lines, nothingDone) => {
    const script = await startScript(lines);
    await expect(run({}, contextFor(script.port, {}, { timeoutMs: 150 }))).rejects.toMatchObject({ errorClass: "TIMEOUT", code: "NODE_TIMEOUT", nothingDone });
    const controller = new AbortController();
    const reason = new Error("canceled");
    const attempt = run({}, contextFor(script.port, {}, { signal: controller.signal })).catch((error: unknown) => error);
    await expect.poll(() => script.heard.length).toBeGreaterThanOrEqual(lines.length === 0 ? 0 : 4);
    controller.abort(reason);
    expect(await attempt).toBe(reason);
  });
});

test("guards the repeat when it must not be, or a template may say so", () => {
  expect([{}, { onUncertain: "repeat" }, { onUncertain: "fail" }, { onUncertain: "{{ trigger.body.mode }}" }].map((params) => emailSend.guardsRepeat?.(params))).toEqual([false, false, true, true]);
});
