import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import type { EmailSendParams } from "./definition.ts";
import { messageOf, type Message } from "./message.ts";
import { smtpError } from "./smtp-error.ts";
import { type SendInfo, type SmtpServer, SmtpSession } from "./smtp-session.ts";

/** What a server may say in one session: greetings, capabilities and an answer per recipient. */
const MAX_SESSION_BYTES = 1_048_576;

/**
 * Sends one message.
 * @throws NodeError by the server's answer (see `smtpError`), what the dialer throws; the reason of the signal
 */
export const executeEmailSend: NodeExecutor<EmailSendParams> = async (params, context) => {
  context.signal.throwIfAborted();
  const { fields: server } = await context.credentials.open(params.credential, ["smtp"]);
  const message = await messageOf(params, context);
  const deadline = AbortSignal.timeout(context.timeoutMs);
  const info = await deliver(server, message, context, AbortSignal.any([context.signal, deadline]));
  return {
    kind: "done",
    output: {
      messageId: message.messageId,
      accepted: info.accepted,
      rejected: info.rejected.map((address, index) => ({ address, response: responseOf(info, index) })),
      response: info.response,
    },
  };
};

async function deliver(server: SmtpServer, message: Message, context: NodeContext, signal: AbortSignal): Promise<SendInfo> {
  const { host, port, security, ca } = server;
  const { timeoutMs } = context;
  let isHandedOver = false;
  let session: SmtpSession | undefined;
  try {
    const socket = await context.dial
      .connect({ protocol: "smtp", host, port, tls: security === "tls", timeoutMs, bytesMax: MAX_SESSION_BYTES, signal, ...(ca === undefined ? {} : { ca }) })
      .catch((error: unknown) => {
        throw beforeSending(error);
      });
    session = new SmtpSession(socket, server, { name: message.from.slice(message.from.lastIndexOf("@") + 1), timeoutMs });
    await opened(session, host);
    isHandedOver = true;
    return await session.send(message.from, message.to, message.content);
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason;
    if (signal.aborted) throw new NodeError(`${host} did not answer within ${timeoutMs} ms.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT", nothingDone: !isHandedOver, cause: error });
    throw isHandedOver ? smtpError(error, host, false) : error;
  } finally {
    session?.close();
  }
}

async function opened(session: SmtpSession, host: string): Promise<void> {
  try {
    await session.open();
  } catch (error) {
    throw smtpError(error, host, true);
  }
}

/** The dialer's failure, which says for certain that no message left. */
function beforeSending(error: unknown): unknown {
  if (!(error instanceof NodeError)) return error;
  return new NodeError(error.message, { errorClass: error.errorClass, code: error.code, nothingDone: true, cause: error });
}

function responseOf({ rejectedErrors }: SendInfo, index: number): string {
  const error = rejectedErrors?.[index];
  return error !== undefined && "response" in error && typeof error.response === "string" ? error.response : "";
}
