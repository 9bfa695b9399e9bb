import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { fileRefSchema } from "@fluxo/core/ports/files";
import { z } from "zod";
import { credentialIdSchema } from "../schemas/credential.ts";
import { fileNameSchema } from "../schemas/file.ts";
import { jsonValueSchema } from "../schemas/json.ts";

/** Names of buckets that are one label of a host name or one segment of a path, and nothing else. */
const bucketSchema = z
  .string()
  .min(3)
  .max(63)
  .regex(/^[a-z0-9][a-z0-9-]*(?:\.[a-z0-9][a-z0-9-]*)*$/, "must be a bucket name: lower-case letters, digits, hyphens and dots");

const KEY_BYTES_MAX = 1_024;

const keySchema = z.string().superRefine((key, context) => {
  const refuse = (message: string): void => context.addIssue({ code: "custom", message });
  if (key === "" || Buffer.byteLength(key, "utf8") > KEY_BYTES_MAX) {
    refuse(`must have 1 to ${KEY_BYTES_MAX} bytes`);
  }
  if (/\p{Cc}/u.test(key) || !key.isWellFormed()) {
    refuse("must hold no control characters and no half characters");
  }
  // In a URL these would lead out of the bucket.
  if (key.startsWith("/") || key.split("/").some((segment) => segment === "." || segment === "..")) {
    refuse("must not begin with a slash and must not have . or .. between slashes");
  }
});

const mediaTypeSchema = z.string().max(200).regex(/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w-]+=[\w."-]+)*$/, "must be a media type, such as text/csv");

const paramsSchema = z
  .strictObject({
    credential: credentialIdSchema.describe("The id of a credential of the kind s3, which names the endpoint. Not a template."),
    operation: z.enum(["put", "get", "list", "delete"]).describe("What to do. Not a template."),
    bucket: bucketSchema.describe("The bucket."),
    key: keySchema.optional().describe("The object's key. With `put`, `get` and `delete`."),
    content: jsonValueSchema.optional().describe("What is put: a text as it is, the content of a file reference, any other value as JSON."),
    mediaType: mediaTypeSchema.optional().describe("The media type that is put; unless given, that of the content."),
    ifAbsent: z.boolean().default(false).describe("With `put`: fail when the key is there already, instead of replacing it."),
    responseFormat: z.enum(["file", "text"]).default("file").describe("With `get`: a file reference, or a text (UTF-8, at most 1 MiB) in the output."),
    fileName: fileNameSchema.optional().describe("With `get` of a file: its name; unless given, the last part of the key."),
    prefix: z.string().max(1_024).default("").describe("With `list`: what the keys begin with."),
    limit: z.int().min(1).max(1_000).default(100).describe("With `list`: most objects that are listed."),
    nextToken: z.string().min(1).max(4_096).optional().describe("With `list`: `nextToken` of the list before, to go on behind it."),
  })
  .superRefine(({ operation, key, content }, context) => {
    if (operation !== "list" && key === undefined) {
      context.addIssue({ code: "custom", path: ["key"], message: `must be there, because operation is ${operation}` });
    }
    if (operation === "list" && key !== undefined) {
      context.addIssue({ code: "custom", path: ["key"], message: "must be absent, because operation is list" });
    }
    if ((operation === "put") !== (content !== undefined)) {
      context.addIssue({ code: "custom", path: ["content"], message: operation === "put" ? "must be there, because operation is put" : "must be absent, unless operation is put" });
    }
  });

export type S3ObjectParams = z.output<typeof paramsSchema>;

const objectSchema = z.strictObject({
  key: z.string(),
  bytes: z.int().min(0),
  etag: z.string(),
  modifiedAt: z.iso.datetime(),
});

const outputSchema = z.strictObject({
  bucket: z.string().describe("The bucket."),
  key: z.string().optional().describe("The key. Not with `list`."),
  bytes: z.int().min(0).optional().describe("The object's size. With `put` and `get`."),
  etag: z.string().optional().describe("Its entity tag, with the quotes. With `put` and `get`."),
  versionId: z.string().optional().describe("Its version, where the bucket keeps versions."),
  mediaType: z.string().optional().describe("Its media type. With `put` and `get`."),
  modifiedAt: z.iso.datetime().optional().describe("When it was written. With `get`."),
  file: fileRefSchema.optional().describe("Its content. With `get`, unless as text."),
  text: z.string().optional().describe("Its content. With `get` as text."),
  objects: z.array(objectSchema).optional().describe("The objects in the order of their keys. With `list`."),
  nextToken: z.string().nullable().optional().describe("Leads to the objects behind these; null when there are none. With `list`."),
});

const DOCS = `Puts, gets, lists or deletes objects in a store that speaks S3. The credential names the endpoint; the endpoint's host has to be a public address.
Content of up to 25 MiB travels by file reference.

\`put\` replaces the object, so that a repeat after an uncertain attempt changes nothing. With \`ifAbsent\` the store itself refuses to replace
(\`If-None-Match: *\`); an object that an earlier attempt of the same node wrote is recognized by its metadata \`fluxo-key\` and is a success. \`delete\` of a key that is
not there is a success.

A missing object or bucket, a key that is there already and other refusals are \`PROVIDER_REJECTED\` with the store's own code in the message, such as \`NoSuchKey\`.
401 and 403 are \`CREDENTIAL_REJECTED\`, 429 and 503 with \`Retry-After\` are \`PROVIDER_RATE_LIMITED\`, other 5xx \`PROVIDER_FAILED\`. The store says 403 as well where a
credential may not list the bucket and the key is missing.`;

const CREDENTIAL = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a03";

export const s3Object = defineNode({
  type: "s3.object",
  kind: "action",
  title: "S3 object",
  docs: DOCS,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "keyed",
  integration: "s3",
  credentials: [{ param: "credential", kinds: ["s3"] }],
  defaultTimeoutMs: 60_000,
  examples: [
    {
      title: "Put a file, never over another",
      params: { credential: CREDENTIAL, operation: "put", bucket: "reports", key: "2026/{{ trigger.body.sku }}.txt", content: "{{ trigger.body.file }}", ifAbsent: true },
    },
    { title: "Put JSON", params: { credential: CREDENTIAL, operation: "put", bucket: "reports", key: "latest.json", content: { total: "{{ trigger.body.total }}" } } },
    { title: "Get a file", params: { credential: CREDENTIAL, operation: "get", bucket: "reports", key: "templates/letter.docx" } },
    { title: "Get a text", params: { credential: CREDENTIAL, operation: "get", bucket: "reports", key: "notice.txt", responseFormat: "text" } },
    { title: "List", params: { credential: CREDENTIAL, operation: "list", bucket: "reports", prefix: "2026/" } },
    { title: "Delete", params: { credential: CREDENTIAL, operation: "delete", bucket: "reports", key: "old.txt" } },
  ],
});
