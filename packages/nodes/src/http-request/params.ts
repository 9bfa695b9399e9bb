import { FILE_BYTES_MAX, type FileRef } from "@fluxo/core/ports/files";
import { z } from "zod";
import { credentialIdSchema } from "../schemas/credential.ts";
import { fileNameSchema, isFileRef } from "../schemas/file.ts";
import { headerNameSchema } from "../schemas/header-name.ts";
import { isJsonObject, jsonValueSchema } from "../schemas/json.ts";
import { scalarSchema, scalarsSchema } from "../schemas/scalar.ts";
import { paginationSchema } from "./pagination.ts";

/** Largest answer that becomes part of the output, and the usual limit. */
const JSON_BYTES_MAX = 10_485_760;
const JSON_BYTES_DEFAULT = 1_048_576;

/** Headers that belong to the connection; the client sets them itself, and a caller who did could smuggle a second request in. */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "connection",
  "transfer-encoding",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
]);

/** Methods without a body. */
const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

const CONNECTION_HEADER_MESSAGE = "must not be set: it belongs to the connection";

const urlSchema = z
  .string()
  .max(8_192)
  .superRefine((text, context) => {
    const refuse = (message: string): void => context.addIssue({ code: "custom", message });
    if (!URL.canParse(text)) {
      refuse("must be a complete URL");
      return;
    }
    const url = new URL(text);
    if (url.protocol !== "https:" && url.protocol !== "http:") {
      refuse("must begin with https:// or http://");
    }
    if (url.username !== "" || url.password !== "") {
      refuse("must not hold credentials: use a credential, or send them in a header");
    }
  });

const headersSchema = z.record(headerNameSchema, scalarSchema).superRefine((headers, context) => {
  const seen = new Set<string>();
  for (const [name, value] of Object.entries(headers)) {
    const refuse = (message: string): void => context.addIssue({ code: "custom", path: [name], message });
    if (CONNECTION_HEADERS.has(name.toLowerCase())) {
      refuse(CONNECTION_HEADER_MESSAGE);
    }
    if (seen.has(name.toLowerCase())) {
      refuse("must not be set twice: upper and lower case do not differ in header names");
    }
    if (!/^[\t\x20-\x7E\x80-\xFF]*$/.test(String(value))) {
      refuse("must hold neither line breaks nor characters outside of Latin-1");
    }
    seen.add(name.toLowerCase());
  }
});

const idempotencyHeaderSchema = headerNameSchema.refine((name) => !CONNECTION_HEADERS.has(name.toLowerCase()), CONNECTION_HEADER_MESSAGE);

const statusSchema = z.union([z.int().min(100).max(599), z.enum(["1xx", "2xx", "3xx", "4xx", "5xx"])], "must be a status such as 404, or a class such as 2xx");

const paramsShape = z.strictObject({
  method: z.enum(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]).default("GET").describe("The HTTP method."),
  url: urlSchema.describe("Where to send it: http or https, a public address, no credentials in it."),
  credential: credentialIdSchema
    .optional()
    .describe("The id of a credential of the kind apiKey, basic, bearer or oauth2, which authenticates the request. It has to be bound to the URL's host. Not a template."),
  query: z.record(z.string().min(1).max(256), scalarsSchema).default({}).describe("Added to the query of `url`, encoded; an array repeats its name."),
  headers: headersSchema.default({}).describe("Headers. Those of the connection (Host, Content-Length, Connection, Transfer-Encoding, …) are refused."),
  body: jsonValueSchema.optional().describe("What is sent, in the form that `bodyType` names. Not with GET and HEAD."),
  bodyType: z
    .enum(["json", "text", "form", "multipart", "file", "none"])
    .default("json")
    .describe(
      "`json`: any value as JSON. `text`: a text as it is. `form`: an object, URL-encoded. `multipart`: an object whose values are texts, numbers, booleans, file references " +
        "or arrays of these. `file`: the content of a file reference. `none`: there is no body. Sets Content-Type unless `headers` does.",
    ),
  idempotencyHeader: z
    .union([idempotencyHeaderSchema, z.null()])
    .default("Idempotency-Key")
    .describe("The header that carries the idempotency key of requests that write; null for none."),
  responseFormat: z
    .enum(["auto", "json", "text", "file", "base64"])
    .default("auto")
    .describe("How the answer's body is read. `auto`: JSON or text where its type or content says so, else base64. `file`: stored, the output has a file reference."),
  fileName: fileNameSchema
    .optional()
    .describe("Name of the stored file, with `responseFormat` `file`; unless given, the one that the provider or the URL tells."),
  maxResponseBytes: z
    .int()
    .min(1)
    .max(FILE_BYTES_MAX)
    .optional()
    .describe("Largest body that is accepted, in bytes, over all pages together: at most 10 MiB, unless given 1 MiB; with `responseFormat` `file` 25 MiB."),
  failOnStatus: z.boolean().default(true).describe("Whether an answer of 400 or above fails the node. If not, its status and body are the output."),
  expectedStatuses: z
    .array(statusSchema)
    .min(1)
    .max(20)
    .optional()
    .describe('The statuses that do not fail the node, such as `[200, 404]` or `["2xx"]`; all others do. Unless given, `failOnStatus` decides.'),
  onUncertain: z
    .enum(["repeat", "fail"])
    .default("repeat")
    .describe("What to do when nobody knows whether an attempt arrived: `repeat` it with the same idempotency key, or `fail` for good."),
  pagination: paginationSchema.default({ kind: "none" }).describe("How an answer in pages is read to its end. GET only."),
});

type Shape = z.output<typeof paramsShape>;
type Refuse = (field: keyof Shape, message: string) => void;

export const paramsSchema = paramsShape.superRefine((params, context) => {
  const refuse: Refuse = (field, message) => context.addIssue({ code: "custom", path: [field], message });
  checkBody(params, refuse);
  checkResponse(params, refuse);
  checkPagination(params, refuse);
});

export type HttpRequestParams = z.output<typeof paramsSchema>;

function checkBody({ method, body, bodyType }: Shape, refuse: Refuse): void {
  if (body === undefined) {
    return;
  }
  if (bodyType === "none") {
    refuse("body", "must be absent, because bodyType is none");
  } else if (BODILESS.has(method)) {
    refuse("method", `must be another one, because ${method} sends no body`);
  }
  if (bodyType === "text" && typeof body !== "string") {
    refuse("body", "must be a text, because bodyType is text");
  }
  if (bodyType === "form" && !isForm(body)) {
    refuse("body", "must be an object of texts, numbers, booleans or arrays of these, because bodyType is form");
  }
  if (bodyType === "multipart" && !isMultipart(body)) {
    refuse("body", "must be an object of texts, numbers, booleans, file references or arrays of these, because bodyType is multipart");
  }
  if (bodyType === "file" && !isFileRef(body)) {
    refuse("body", "must be a file reference, because bodyType is file");
  }
}

function checkResponse({ responseFormat, fileName, maxResponseBytes, failOnStatus, expectedStatuses }: Shape, refuse: Refuse): void {
  if (responseFormat !== "file" && (maxResponseBytes ?? 0) > JSON_BYTES_MAX) {
    refuse("maxResponseBytes", `must be at most ${JSON_BYTES_MAX}, unless responseFormat is file`);
  }
  if (responseFormat !== "file" && fileName !== undefined) {
    refuse("fileName", "must be absent, unless responseFormat is file");
  }
  if (!failOnStatus && expectedStatuses !== undefined) {
    refuse("expectedStatuses", "must be absent, because failOnStatus is false");
  }
}

function checkPagination({ method, responseFormat, failOnStatus, pagination }: Shape, refuse: Refuse): void {
  if (pagination.kind === "none") {
    return;
  }
  if (method !== "GET") {
    refuse("method", "must be GET, because the answer is read in pages");
  }
  if (responseFormat !== "auto" && responseFormat !== "json") {
    refuse("responseFormat", "must be json or auto, because the answer is read in pages");
  }
  if (!failOnStatus) {
    refuse("failOnStatus", "must be true, because the answer is read in pages");
  }
}

const formSchema = z.record(z.string(), scalarsSchema);

/** What a body of the type `form` is. */
type Form = z.output<typeof formSchema>;

/** Whether a body can be sent as a form. */
export function isForm(body: unknown): body is Form {
  return formSchema.safeParse(body).success;
}

/** One value of a multipart form. */
export type Part = z.output<typeof scalarSchema> | FileRef;

/** What a body of the type `multipart` is. */
type Multipart = Readonly<Record<string, Part | Part[]>>;

/** Whether a body can be sent as a multipart form. */
export function isMultipart(body: unknown): body is Multipart {
  return isJsonObject(body) && Object.values(body).every((value) => [value].flat().every((part) => isFileRef(part) || scalarSchema.safeParse(part).success));
}

/** Most bytes that the bodies of all answers may have together. */
export function responseBytesMax({ responseFormat, maxResponseBytes }: HttpRequestParams): number {
  return maxResponseBytes ?? (responseFormat === "file" ? FILE_BYTES_MAX : JSON_BYTES_DEFAULT);
}
