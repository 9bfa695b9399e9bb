import { fileRefSchema } from "@fluxo/core/ports/files";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { credentialIdSchema } from "../schemas/credential.ts";
import { jsonValueSchema } from "../schemas/json.ts";

const SOURCES = ["text", "value", "file"] as const;

const paramsSchema = z
  .strictObject({
    operation: z.enum(["hash", "sign", "verify"]).default("hash").describe("`hash`: a digest. `sign`: an HMAC with the secret of a credential. `verify`: whether a signature is the right one."),
    text: z.string().optional().describe("What is hashed: a text, as UTF-8."),
    value: jsonValueSchema.optional().describe("What is hashed: any value, as its canonical JSON (RFC 8785)."),
    file: fileRefSchema.optional().describe("What is hashed: the content of a file."),
    algorithm: z.enum(["sha256", "sha512", "sha1", "md5"]).default("sha256").describe("`sha1` and `md5` are broken: only for systems that know nothing else. `md5` does not sign."),
    encoding: z.enum(["hex", "base64", "base64url"]).default("hex").describe("How the result is written."),
    credential: credentialIdSchema.optional().describe("Of `sign` and `verify`: the credential of the kind API key whose value is the key. Not a template."),
    host: z.string().min(1).max(253).optional().describe("Of `sign` and `verify`: the host whose requests are signed; the credential must be bound to it."),
    signature: z.string().max(1_024).optional().describe("Of `verify`: the signature to check, in the same encoding."),
  })
  .superRefine(({ operation, algorithm, credential, host, signature, ...sources }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    if (SOURCES.filter((source) => sources[source] !== undefined).length !== 1) refuse("text", "must be there, or value, or file, and only one of them");
    const isKeyed = operation !== "hash";
    for (const [name, given] of [["credential", credential], ["host", host]] as const) {
      if (isKeyed !== (given !== undefined)) refuse(name, isKeyed ? `must be there, because ${operation} needs it` : "must go with sign or verify");
    }
    if ((operation === "verify") !== (signature !== undefined)) refuse("signature", operation === "verify" ? "must be there, because verify checks it" : "must go with verify");
    if (isKeyed && algorithm === "md5") refuse("algorithm", "must be another one: md5 does not sign");
  });

export type HashParams = z.output<typeof paramsSchema>;

const outputSchema = z
  .union([z.strictObject({ hash: z.string() }), z.strictObject({ signature: z.string() }), z.strictObject({ isValid: z.boolean() })])
  .describe("The digest, the signature, or whether the given signature is right, as `operation` asks.");

export const hash = defineNode({
  type: "hash",
  kind: "data",
  title: "Hash and sign",
  docs: `Makes the digest of a text, a value or a file; signs it with a secret (HMAC, RFC 2104); or checks a signature, in constant time.
The secret is the value of a credential of the kind API key, never a parameter, and never part of the output. The credential's hosts bound what it signs for: name one of them as \`host\`.

A digest hides nothing that can be guessed, such as an e-mail address: sign it instead.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  credentials: [{ param: "credential", kinds: ["apiKey"] }],
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "A digest of a text", params: { text: "{{ trigger.body.email | lower }}" } },
    { title: "A digest of any value", params: { value: "{{ trigger.body.items }}", algorithm: "sha512", encoding: "base64" } },
    { title: "A signature", params: { operation: "sign", text: "{{ trigger.body.sku }}", credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a04", host: "api.example.com" } },
    {
      title: "Check a signature",
      params: { operation: "verify", text: "{{ trigger.body.sku }}", signature: "{{ trigger.body.plan }}", credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a04", host: "api.example.com" },
    },
  ],
});
