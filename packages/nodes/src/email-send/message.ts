import { createHash } from "node:crypto";
import { cleanFileName, cleanMediaType } from "@fluxo/core/files/name";
import type { NodeContext } from "@fluxo/core/node/executor";
import MailComposer from "nodemailer/lib/mail-composer";
import { fileOf, type EmailSendParams } from "./definition.ts";
import { mailboxesOf, type Mailbox } from "./mailbox.ts";

/** A message ready to be handed to a server. */
export interface Message {
  readonly messageId: string;
  readonly from: string;
  /** Every recipient once, bcc too. */
  readonly to: readonly string[];
  readonly content: Buffer;
}

/** Builds the message, with the content of its attachments. @throws NodeError FILE_NOT_FOUND */
export async function messageOf(params: EmailSendParams, context: NodeContext): Promise<Message> {
  const [from] = mailboxesOf(params.from);
  if (from === undefined) throw new TypeError("The sender passed its schema and is no address.");
  const [to, cc, bcc] = [mailboxesOf(params.to), mailboxesOf(params.cc), mailboxesOf(params.bcc)];
  const messageId = messageIdOf(context.idempotencyKey, from);
  const composer = new MailComposer({
    from: plain(from),
    to: to.map(plain),
    cc: cc.map(plain),
    replyTo: mailboxesOf(params.replyTo).map(plain),
    subject: params.subject,
    messageId,
    date: context.clock.now(),
    headers: Object.entries(params.headers).map(([key, value]) => ({ key, value })),
    ...(params.text === undefined ? {} : { text: params.text }),
    ...(params.html === undefined ? {} : { html: params.html }),
    attachments: await attachmentsOf(params, context),
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const recipients = new Set([...to, ...cc, ...bcc].map(({ address }) => address));
  return { messageId, from: from.address, to: [...recipients], content: await composer.compile().build() };
}

/** Made of the idempotency key alone, so that every attempt of the node sends the same one. */
function messageIdOf(idempotencyKey: string, { address }: Mailbox): string {
  const local = createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 40);
  return `<${local}${address.slice(address.lastIndexOf("@"))}>`;
}

async function attachmentsOf({ attachments }: EmailSendParams, { files }: NodeContext) {
  const parts = [];
  for (const attachment of attachments) {
    const file = fileOf(attachment);
    const { name = file.name, contentId } = "file" in attachment ? attachment : {};
    parts.push({
      filename: cleanFileName(name),
      contentType: cleanMediaType(file.mediaType),
      content: Buffer.from(await files.read(file.fileId)),
      ...(contentId === undefined ? {} : { cid: contentId }),
    });
  }
  return parts;
}

function plain({ name, address }: Mailbox): { name: string; address: string } {
  return { name, address };
}
