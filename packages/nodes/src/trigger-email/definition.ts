import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { fileRefSchema } from "@fluxo/core/ports/files";
import { z } from "zod";
import { triggerFilterSchema } from "../filters/schema.ts";
import { credentialIdSchema } from "../schemas/credential.ts";

/** Bytes of one mail as its server keeps it; what is larger is parked. */
export const MAIL_BYTES_MAX = 26_214_400;

/** Bytes of all attachments of one mail that are kept; what is beyond is listed without content. */
export const ATTACHMENT_BYTES_MAX = 10_485_760;

const mailboxSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}*%]+$/u, "must be the name of a mailbox, without wildcards and control characters");

const imapSchema = z
  .strictObject({
    provider: z.literal("imap"),
    mailbox: mailboxSchema.default("INBOX").describe("The mailbox that is watched, in the server's own spelling."),
    watch: z
      .enum(["poll", "idle"])
      .default("poll")
      .describe("`poll`: a look in every interval. `idle`: a connection is held and the server tells of new mails (IDLE), where the server can and the dispatcher has room; else as `poll`."),
    afterSuccess: z
      .enum(["none", "markSeen", "move"])
      .default("none")
      .describe("What happens to a mail on the server once its execution is recorded for good: nothing, it is marked as seen, or it is moved."),
    moveTo: mailboxSchema.optional().describe("With `afterSuccess: move`: the mailbox that it is moved to; made when it is not there."),
  })
  .superRefine(({ mailbox, afterSuccess, moveTo }, context) => {
    const refuse = (message: string): void => context.addIssue({ code: "custom", path: ["moveTo"], message });
    if ((afterSuccess === "move") !== (moveTo !== undefined)) refuse(afterSuccess === "move" ? "must be there, because afterSuccess is move" : "must be absent, unless afterSuccess is move");
    if (moveTo === mailbox) refuse("must be another mailbox than the one that is watched");
  })
  .describe("A mailbox over IMAP; the credential is of the kind imap.");

const gmailSchema = z
  .strictObject({
    provider: z.literal("gmail"),
    labels: z
      .array(z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, "must be the id of a label, such as INBOX or Label_12"))
      .min(1)
      .max(5)
      .default(["INBOX"])
      .describe("Ids of labels; a mail counts when it arrives with all of them."),
    query: z.string().min(1).max(500).optional().describe("A search in Gmail's own language, such as `from:billing@example.com has:attachment`; what does not match is recorded as filtered."),
  })
  .describe("A Gmail account over Gmail's REST API; the credential is of the kind oauth2, bound to gmail.googleapis.com, with the scope gmail.readonly.");

const paramsSchema = z.strictObject({
  credential: credentialIdSchema.describe("The id of a credential: of the kind imap, or oauth2 for Gmail. Not a template."),
  source: z.discriminatedUnion("provider", [imapSchema, gmailSchema]).describe("What is watched."),
  intervalSeconds: z.int().min(10).max(86_400).default(300).describe("Seconds between two looks; the plan may ask for more."),
  attachments: z.enum(["none", "reference"]).default("none").describe("Whether attachments are stored and given as file references, or only listed."),
  bodyBytesMax: z.int().min(1_024).max(1_048_576).default(131_072).describe("Bytes of text and of HTML that are given, each; the rest is cut off."),
  filter: triggerFilterSchema.optional(),
});

export type EmailTriggerParams = z.output<typeof paramsSchema>;
/** The parameters as the trigger keeps them. */
export const emailParamsSchema = paramsSchema;

const addressSchema = z.strictObject({
  name: z.string().describe("The display name; empty for none."),
  address: z.string().describe("The address; empty where the header has none."),
});

const attachmentBase = {
  name: z.string().describe("The file name as the mail has it; `attachment` for none."),
  mediaType: z.string().describe("The media type that the mail says."),
  bytes: z.int().min(0).describe("The size in bytes."),
  isInline: z.boolean().describe("Whether it belongs to the text, such as a picture in the HTML."),
  contentId: z.string().nullable().describe("The id by which the HTML refers to it (`cid:`)."),
};

const mailShape = {
  provider: z.enum(["imap", "gmail"]),
  uid: z.string().describe("IMAP: the mail's UID in its mailbox. Gmail: the message's id."),
  messageId: z.string().nullable().describe("The Message-ID, with its angle brackets."),
  from: z.array(addressSchema),
  to: z.array(addressSchema),
  cc: z.array(addressSchema),
  replyTo: z.array(addressSchema),
  subject: z.string(),
  date: z.iso.datetime().nullable().describe("The Date header: what the sender's clock said."),
  receivedAt: z.iso.datetime().describe("When the server got it."),
  text: z.string().nullable().describe("The plain text; null where the mail has none. Of a mail that is one piece of HTML it is made."),
  html: z.string().nullable(),
  isCut: z.boolean().describe("Whether text or HTML is longer than `bodyBytesMax`."),
  headers: z.record(z.string(), z.string()).describe("These headers by their lower-case names: in-reply-to, references, list-id, list-unsubscribe, auto-submitted, precedence, importance, x-priority, return-path, delivered-to."),
};

/** What the dispatcher records: attachments carry their content, so that it is committed with the occurrence. Base64. */
export const recordedMailSchema = z.strictObject({
  ...mailShape,
  attachments: z.array(z.strictObject({ ...attachmentBase, content: z.base64().exactOptional() })),
});
export type RecordedMail = z.output<typeof recordedMailSchema>;

const outputSchema = z.strictObject({
  ...mailShape,
  attachments: z.array(
    z.strictObject({
      ...attachmentBase,
      file: fileRefSchema.nullable().describe(`The content. Null with \`attachments: none\`, and beyond ${ATTACHMENT_BYTES_MAX / 1_048_576} MiB of all attachments of a mail.`),
    }),
  ),
});

const CREDENTIAL = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a15";

export const emailTrigger = defineNode({
  type: "trigger.email",
  kind: "trigger",
  title: "E-mail",
  docs: `Starts an execution for each mail that arrives in a mailbox, over IMAP or Gmail's REST API.

The first look takes a baseline: mails that are there already start nothing. After that each mail starts one execution, for ever: whether somebody has read it
makes no difference. A mail is known by its Message-ID together with its sender, date and subject (Gmail: by its id), so it starts nothing again when the server numbers its mailbox
anew, or when it is delivered twice. Mails that cannot be read or are larger than ${MAIL_BYTES_MAX / 1_048_576} MiB are parked with their beginning, and the mailbox goes on.

\`afterSuccess\` acts once the execution is recorded, not when it has ended. A change of \`credential\` or \`source\` (but for \`watch\`, \`afterSuccess\` and \`moveTo\`) takes a new baseline.
When the server refuses the login, the credential is marked as broken and no trigger of it tries again for an hour, or until it is changed.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  sourceKey: (params) => {
    const { credential, source } = paramsSchema.parse(params);
    if (source.provider === "imap") return { credential, provider: source.provider, mailbox: source.mailbox };
    return { credential, provider: source.provider, labels: source.labels.toSorted(), query: source.query ?? null };
  },
  retryClass: "transient",
  sideEffect: "none",
  integration: null,
  credentials: [{ param: "credential", kinds: ["imap", "oauth2"] }],
  defaultTimeoutMs: 60_000,
  examples: [
    { title: "Every mail of an inbox, moved away afterwards", params: { credential: CREDENTIAL, source: { provider: "imap", afterSuccess: "move", moveTo: "Handled" }, attachments: "reference" } },
    { title: "A mailbox whose server tells of new mails", params: { credential: CREDENTIAL, source: { provider: "imap", watch: "idle" } } },
    { title: "Invoices that arrive at Gmail", params: { credential: CREDENTIAL, source: { provider: "gmail", query: "subject:invoice has:attachment" }, intervalSeconds: 60 } },
  ],
});
