import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { fileRefSchema } from "@fluxo/core/ports/files";
import { z } from "zod";
import { credentialIdSchema } from "../schemas/credential.ts";
import { fileNameSchema } from "../schemas/file.ts";
import { mailboxesOf, mailboxesSchema, mailboxSchema } from "./mailbox.ts";

const MAX_RECIPIENTS = 100;
const MAX_ATTACHMENTS = 20;
const MAX_ATTACHED_BYTES = 20_971_520;
const MAX_BODY_LENGTH = 1_000_000;

/** Headers that say something about a message and steer nothing. The others are made from parameters of their own, or are the server's. */
const ALLOWED_HEADER = /^(x-[a-z0-9-]{1,60}|list-(unsubscribe|unsubscribe-post|id|help|archive)|in-reply-to|references|auto-submitted|importance|precedence|feedback-id|comments|keywords)$/i;

const lineSchema = z.string().max(998).regex(/^\P{Cc}*$/u, "must not hold line breaks or other control characters");

const attachmentSchema = z.union([
  fileRefSchema,
  z.strictObject({
    file: fileRefSchema.describe("The stored file."),
    name: fileNameSchema.optional().describe("Its name in the message, instead of its own."),
    contentId: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,100}$/, "must hold letters, digits, dots, dashes and underscores")
      .optional()
      .describe("Shows it inside of `html`, where that says `cid:` and this."),
  }),
]);

export type Attachment = z.output<typeof attachmentSchema>;

const paramsSchema = z
  .strictObject({
    credential: credentialIdSchema,
    from: mailboxSchema.describe("The sender: `ada@example.com`, `Ada Lovelace <ada@example.com>`, or `{ name, address }`."),
    to: mailboxesSchema.default([]).describe("One address or an array of them; each text is exactly one address."),
    cc: mailboxesSchema.default([]).describe("Further recipients that all others see."),
    bcc: mailboxesSchema.default([]).describe("Further recipients that nobody sees."),
    replyTo: mailboxesSchema.default([]).describe("Where answers go, when not to the sender."),
    subject: lineSchema.default("").describe("The subject, one line."),
    text: z.string().max(MAX_BODY_LENGTH).optional().describe("The message as plain text."),
    html: z.string().max(MAX_BODY_LENGTH).optional().describe("The message as HTML. Values from outside belong through the filter `escapeHtml`, or better into `document.generate`."),
    attachments: z.array(attachmentSchema).max(MAX_ATTACHMENTS).default([]).describe("File references, as other nodes give them; 20 MiB together."),
    headers: z.record(z.string(), lineSchema).default({}).describe("Further headers: X-…, List-…, In-Reply-To, References, Auto-Submitted, Importance, Precedence, Feedback-ID, Comments, Keywords."),
    onUncertain: z
      .enum(["repeat", "fail"])
      .default("repeat")
      .describe("What to do when nobody knows whether the server took the message: `repeat` it with the same Message-ID, or `fail` for good."),
  })
  .superRefine(({ to, cc, bcc, text, html, attachments, headers }, context) => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: "custom", path, message });
    const recipients = [to, cc, bcc].flatMap(mailboxesOf).length;
    if (recipients === 0) refuse(["to"], "must name a recipient, or cc or bcc must");
    if (recipients > MAX_RECIPIENTS) refuse(["to"], `must with cc and bcc name at most ${MAX_RECIPIENTS} recipients`);
    if (text === undefined && html === undefined) refuse(["text"], "must be there, or html must");
    if (attachments.reduce((sum, attachment) => sum + fileOf(attachment).bytes, 0) > MAX_ATTACHED_BYTES) refuse(["attachments"], `must have at most ${MAX_ATTACHED_BYTES} bytes together`);
    for (const name of Object.keys(headers)) {
      if (!ALLOWED_HEADER.test(name)) refuse(["headers", name], "must be one of the headers that may be set");
    }
  });

export type EmailSendParams = z.output<typeof paramsSchema>;

/** The file of an attachment, however it is written. */
export function fileOf(attachment: Attachment): z.output<typeof fileRefSchema> {
  return "file" in attachment ? attachment.file : attachment;
}

const outputSchema = z.strictObject({
  messageId: z.string().describe("The message's Message-ID, the same over all attempts."),
  accepted: z.array(z.string()).describe("Recipients that the server took."),
  rejected: z.array(z.strictObject({ address: z.string(), response: z.string() })).describe("Recipients that it refused, with its words."),
  response: z.string().describe("The server's last word on the message."),
});

const DOCS = `Sends one e-mail through a mail server of yours (SMTP), with attachments.

**Server.** Host, port, security and login are in the credential (kind \`smtp\`). Ports: 25, 465, 587, 2525. With \`tls\` and \`starttls\` the server's certificate is
checked for its name, and a server that does not offer STARTTLS gets nothing; with \`none\` everything, the password too, travels in the clear.

**Addresses** are checked one by one: one text is one address, so that no value can add recipients. Names in other alphabets and international domains are fine,
quoted local parts (\`"a b"@example.com\`) are refused. Headers that steer the message are made from parameters only.

**Repeats.** Mail servers do not recognize repeats. The Message-ID is made of the node's idempotency key, so a repeat has the same one, and many mailboxes show it once.
With \`onUncertain: "fail"\` a message of unknown fate is not repeated: one whose acceptance was not heard, and one during which the worker died. The node then fails
with \`SIDE_EFFECT_UNCERTAIN\`. Failures before the message was handed over are tried again in both cases.

**Failures.** When some recipients are refused, the message goes to the others, and the output lists them.

| server | code | tried again |
|---|---|---|
| 4xx | \`PROVIDER_FAILED\` | yes |
| 5xx, all recipients refused, message too large | \`PROVIDER_REJECTED\` | no |
| login refused (5xx), no login offered | \`CREDENTIAL_REJECTED\` | no |
| no connection, no STARTTLS, wrong certificate | \`CONNECTION_FAILED\` | yes |
| no answer in time | \`NODE_TIMEOUT\` | yes |`;

export const emailSend = defineNode({
  type: "email.send",
  kind: "action",
  title: "Send e-mail",
  docs: DOCS,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "keyed",
  // A template may become either value, so it guards as well.
  guardsRepeat: ({ onUncertain = "repeat" }) => onUncertain !== "repeat",
  integration: "smtp",
  credentials: [{ param: "credential", kinds: ["smtp"] }],
  defaultTimeoutMs: 60_000,
  examples: [
    {
      title: "Answer somebody",
      params: {
        credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a14",
        from: "Shop <shop@example.com>",
        to: "ada@example.com",
        subject: "Your order {{ trigger.body.id }}",
        text: "Thank you. We ship it tomorrow.",
      },
    },
    {
      title: "Send a file to several, never twice",
      params: {
        credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a14",
        from: { name: "Reports", address: "reports@example.com" },
        to: ["ada@example.com", { name: "Grace Hopper", address: "grace@example.com" }],
        bcc: "archive@example.com",
        replyTo: "team@example.com",
        subject: "The report",
        html: "<p>The report is attached.</p>",
        attachments: [
          {
            fileId: "f72a153b-9adb-8b38-a6e2-3fef05a2073b",
            name: "report.txt",
            mediaType: "text/plain",
            bytes: 27,
            sha256: "da3152119ef28a21089021b756b92abbb7726aef2b831f195fb9b19e2089cf9c",
          },
        ],
        headers: { "Auto-Submitted": "auto-generated" },
        onUncertain: "fail",
      },
    },
  ],
});
