import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Json } from "@fluxo/core/json";
import { parseFields } from "./fields.ts";
import { parseJson } from "./json.ts";

/**
 * The body as workflows see it: JSON as its value, a form as an object of its fields, text as a text, everything else (also a body without a
 * type) as `{ base64 }`, no body as null.
 * @throws RequestError MALFORMED_JSON, VALIDATION_FAILED or, for an encoding of characters that nobody knows, UNSUPPORTED_MEDIA_TYPE
 */
export function parseBody(contentType: string | undefined, body: Buffer): Json {
  if (body.length === 0) return null;
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type === "application/json" || type.endsWith("+json")) return parseJson(decodeJson(body));
  if (type === "application/x-www-form-urlencoded") return parseFields(body.toString("utf8"), "body");
  if (type.startsWith("text/")) return decodeText(body, charsetOf(contentType));
  return { base64: body.toString("base64") };
}

/** JSON is UTF-8 (RFC 8259, section 8.1), whatever the content type says. A byte order mark is skipped. */
function decodeJson(body: Buffer): string {
  if (!isUtf8(body)) throw new RequestError("MALFORMED_JSON", { detail: "The body is not valid UTF-8." });
  const text = body.toString("utf8");
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

/** Bytes that mean nothing in the encoding become U+FFFD. */
function decodeText(body: Buffer, charset: string): string {
  return decoderOf(charset).decode(body);
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    throw new RequestError("UNSUPPORTED_MEDIA_TYPE", { detail: "The charset of the content type is not known." });
  }
}

function charsetOf(contentType = ""): string {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1] ?? "utf-8";
}
