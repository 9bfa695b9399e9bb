import { isIP, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import type { DialPort } from "@fluxo/core/ports/dial";
import { ImapFlow, type ImapFlowOptions } from "imapflow";
import { MAIL_BYTES_MAX } from "../trigger-email/definition.ts";
import { imapError } from "./imap-error.ts";

export type ImapServer = CredentialFields["imap"];

/** What one answer may hold besides a mail. */
const ROOM_BYTES = 1_048_576;
const LINE_BYTES_MAX = 8_388_608;
const TOKENS_MAX = 200_000;
/** What a server may send in one session: a page of mails, with what surrounds them. */
const SESSION_BYTES_MAX = 3 * MAIL_BYTES_MAX;
const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 20_000;
/** How long a goodbye may take. */
const LOGOUT_MS = 2_000;

export interface ImapSessionOptions {
  /** How long the server may be silent; then it is asked, and the session ends when it does not answer. 20 s unless said. */
  readonly silenceMs?: number;
}

/**
 * Logs in to an IMAP server and hands the client to `work`; the session ends with it. The connection is the guarded dialer's. With `starttls` the upgrade is
 * mandatory, and certificates are checked for the host as it was named.
 * @throws NodeError for whatever the server or the connection does; the reason of `signal`
 */
export async function withImap<R>(dial: DialPort, server: ImapServer, signal: AbortSignal, work: (client: ImapFlow) => Promise<R>, options: ImapSessionOptions = {}): Promise<R> {
  const { port, security, ca } = server;
  const host = server.host.replace(/^\[(.*)\]$/, "$1");
  const socket = await dial.connect({ protocol: "imap", host, port, tls: security === "tls", timeoutMs: CONNECT_TIMEOUT_MS, bytesMax: SESSION_BYTES_MAX, signal, ...(ca === undefined ? {} : { ca }) });
  const client = new ImapFlow({ ...optionsFor(server, host), socketTimeout: options.silenceMs ?? ANSWER_TIMEOUT_MS, transport: transportOver(socket, host, ca) });
  // Commands tell of what breaks; without a listener the event would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const result = await work(client);
    await Promise.race([client.logout().catch(() => undefined), sleep(LOGOUT_MS, undefined, { ref: false })]);
    return result;
  } catch (error) {
    signal.throwIfAborted();
    throw imapError(error, host, socket);
  } finally {
    client.close();
    socket.destroy();
  }
}

function optionsFor({ port, security, username = "", password = "" }: ImapServer, host: string): ImapFlowOptions {
  return {
    host,
    port,
    secure: security === "tls",
    doSTARTTLS: security === "tls" ? undefined : security === "starttls",
    auth: { user: username, pass: password },
    clientInfo: { name: "Fluxo" },
    logger: false,
    disableAutoIdle: true,
    disableCompression: true,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    maxLineLength: LINE_BYTES_MAX,
    maxLiteralSize: MAIL_BYTES_MAX + ROOM_BYTES,
    maxResponseSize: MAIL_BYTES_MAX + 2 * ROOM_BYTES,
    maxResponseTokens: TOKENS_MAX,
  };
}

/** Gives the client the connection that stands already, and nothing else. */
function transportOver(socket: Socket, host: string, ca: string | undefined): NonNullable<ImapFlowOptions["transport"]> {
  return {
    connect: (_options, onConnect) => {
      setImmediate(onConnect);
      return socket;
    },
    upgrade: (plain, _options, onSecure) =>
      connectTls({ socket: plain, host, rejectUnauthorized: true, ...(isIP(host) === 0 ? { servername: host } : {}), ...(ca === undefined ? {} : { ca }) }, onSecure),
  };
}
