import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import { recordedMailSchema, type EmailTriggerParams, type RecordedMail } from "./definition.ts";

/** The mail was recorded with the occurrence, contents of attachments included. They become files of this execution, and references in the output. */
export const executeEmailTrigger: NodeExecutor<EmailTriggerParams> = async (_params, context) => {
  const mail = recordedMailSchema.safeParse(context.trigger);
  if (!mail.success) throw new NodeError("The recorded input is no mail: an e-mail trigger cannot be started by hand without one.", { errorClass: "DATA", code: "DATA_UNREADABLE" });
  const attachments = [];
  for (const attachment of mail.data.attachments) attachments.push(await withReference(attachment, context));
  return { kind: "done", output: { ...mail.data, attachments } };
};

async function withReference({ content, ...attachment }: RecordedMail["attachments"][number], { files }: NodeContext) {
  const { name, mediaType } = attachment;
  const file = content === undefined ? null : await files.save({ name, mediaType, content: Buffer.from(content, "base64") });
  return { ...attachment, file };
}
