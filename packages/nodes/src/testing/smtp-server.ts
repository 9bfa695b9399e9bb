import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { SMTPServer, type SMTPServerDataStream, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";

/** A message as a server got it. */
export interface ReceivedMessage {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: Buffer;
  /** Whether it came over TLS. */
  readonly isSecure: boolean;
  readonly user: string | undefined;
}

export interface TestSmtpServer extends AsyncDisposable {
  readonly port: number;
  readonly messages: ReceivedMessage[];
}

/** A real SMTP server on the loopback interface that keeps what it gets. `user` with the password `right` may log in. */
export async function startSmtpServer(options: SMTPServerOptions = {}): Promise<TestSmtpServer> {
  const messages: ReceivedMessage[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: options.key === undefined ? ["STARTTLS"] : [],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    logger: false,
    onAuth: ({ username, password }, _session, done) => {
      if (username === "user" && password === "right") done(null, { user: username });
      else done(Object.assign(new Error("Wrong user name or password"), { responseCode: 535 }));
    },
    onData: (stream, session, done) => void keep(stream, session, messages, done),
    ...options,
  });
  server.on("error", () => undefined);
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address: AddressInfo | string | null = server.server.address();
  if (address === null || typeof address === "string") throw new TypeError("The server has no port.");
  return {
    port: address.port,
    messages,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(resolve);
      }),
  };
}

async function keep(stream: SMTPServerDataStream, { envelope, secure, user }: SMTPServerSession, messages: ReceivedMessage[], done: (error?: Error | null, message?: string) => void): Promise<void> {
  const raw = await buffer(stream);
  const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
  messages.push({ from, to: envelope.rcptTo.map(({ address }) => address), raw, isSecure: secure, user: typeof user === "string" ? user : undefined });
  done(null, "Kept");
}
