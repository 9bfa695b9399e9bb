import type { Socket } from "node:net";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import SMTPConnection from "nodemailer/lib/smtp-connection";

/** Largest answer of a server to one command. */
const MAX_RESPONSE_BYTES = 65_536;
const CLOSE_TIMEOUT_MS = 1_000;

export type SmtpServer = CredentialFields["smtp"];

/** How a server answered a message. */
export type SendInfo = Pick<Parameters<Parameters<SMTPConnection["send"]>[2]>[1] & object, "accepted" | "rejected" | "rejectedErrors" | "response">;

/** A server that was asked to log in offers no way to. */
export class LoginNotOffered extends Error {}

/**
 * One SMTP session over a connected socket. With `starttls` the upgrade is mandatory and the certificate checked for the host as it was named; with `tls` the
 * socket speaks TLS already.
 */
export class SmtpSession {
  readonly #connection: SMTPConnection;
  readonly #server: SmtpServer;
  /** Rejects when the connection breaks, which may happen between two commands. */
  readonly #broken = Promise.withResolvers<never>();

  constructor(socket: Socket, server: SmtpServer, options: { readonly name: string; readonly timeoutMs: number }) {
    const { host, port, security, ca } = server;
    this.#server = server;
    this.#connection = new SMTPConnection({
      connection: socket,
      host,
      port,
      secure: security === "tls",
      secured: security === "tls",
      requireTLS: security === "starttls",
      ignoreTLS: security === "none",
      tls: { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
      name: options.name,
      connectionTimeout: options.timeoutMs,
      greetingTimeout: options.timeoutMs,
      socketTimeout: options.timeoutMs,
      socketCloseTimeout: CLOSE_TIMEOUT_MS,
      maxResponseSize: MAX_RESPONSE_BYTES,
    });
    this.#broken.promise.catch(() => undefined);
    this.#connection.on("error", (error) => this.#broken.reject(error));
    this.#connection.on("end", () => this.#broken.reject(Object.assign(new Error("The server closed the connection."), { code: "ECONNECTION" })));
  }

  /** Greeting, capabilities, STARTTLS, and the login where the server's credential has one. @throws LoginNotOffered; what the server or the connection says */
  async open(): Promise<void> {
    const { username, password = "" } = this.#server;
    await this.#step<void>((done) => this.#connection.connect((error) => done(error)));
    if (username === undefined) return;
    if (!this.#connection.allowsAuth) throw new LoginNotOffered("The server offers no login.");
    await this.#step<void>((done) => this.#connection.login({ credentials: { user: username, pass: password } }, (error) => done(error)));
  }

  /** Hands over one message. */
  send(from: string, to: readonly string[], content: Buffer): Promise<SendInfo> {
    return this.#step<SendInfo>((done) => this.#connection.send({ from, to: [...to], size: content.length }, content, (error, info) => done(error, info)));
  }

  close(): void {
    this.#connection.close();
  }

  #step<R>(start: (done: (error: Error | null | undefined, result?: R) => void) => void): Promise<R> {
    const step = Promise.withResolvers<R>();
    start((error, result) => {
      if (error === null || error === undefined) step.resolve(result as R);
      else step.reject(error);
    });
    return Promise.race([step.promise, this.#broken.promise]);
  }
}
