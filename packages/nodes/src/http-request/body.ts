import type { FilePort, FileRef } from "@fluxo/core/ports/files";
import { createHash } from "node:crypto";
import { isFileRef } from "../schemas/file.ts";
import type { Scalars } from "../schemas/scalar.ts";
import { isForm, isMultipart, type HttpRequestParams, type Part } from "./params.ts";

/** A request's body and the type that it has unless the caller names another. */
export interface Body {
  readonly content: string | Uint8Array;
  readonly contentType: string;
}

/**
 * The body that the parameters describe; undefined without one. The same over attempts, down to the byte, so that providers that compare the bodies of
 * one idempotency key find no difference. @throws NodeError FILE_NOT_FOUND
 */
export async function bodyOf({ body, bodyType }: HttpRequestParams, files: FilePort, idempotencyKey: string): Promise<Body | undefined> {
  if (body === undefined) {
    return undefined;
  }
  switch (bodyType) {
    case "json":
      return { content: JSON.stringify(body), contentType: "application/json" };
    case "text":
      return { content: typeof body === "string" ? body : "", contentType: "text/plain; charset=utf-8" };
    case "form":
      return { content: isForm(body) ? encodeForm(body) : "", contentType: "application/x-www-form-urlencoded" };
    case "multipart":
      return isMultipart(body) ? multipartOf(Object.entries(body), files, idempotencyKey) : undefined;
    case "file":
      return isFileRef(body) ? { content: await files.read(body.fileId), contentType: body.mediaType } : undefined;
    case "none":
      return undefined;
    default:
      return bodyType satisfies never;
  }
}

/** Fields as `application/x-www-form-urlencoded`, as forms and queries have them. */
export function encodeForm(fields: Readonly<Record<string, Scalars>>): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((item): [string, string] => [name, String(item)]));
  return new URLSearchParams(pairs).toString();
}

/** `multipart/form-data` (RFC 7578), with names escaped as browsers do it. */
async function multipartOf(fields: readonly (readonly [string, Part | Part[]])[], files: FilePort, idempotencyKey: string): Promise<Body> {
  const parts = fields.flatMap(([name, value]) => [value].flat().map((part) => ({ name, part })));
  const blocks: Uint8Array[] = [];
  for (const { name, part } of parts) {
    const content = isFileRef(part) ? await files.read(part.fileId) : Buffer.from(String(part), "utf8");
    blocks.push(Buffer.concat([Buffer.from(headOf(name, part), "utf8"), content, Buffer.from("\r\n")]));
  }
  const boundary = boundaryFor(blocks, idempotencyKey);
  const delimiter = Buffer.from(`--${boundary}\r\n`);
  const content = Buffer.concat([...blocks.flatMap((block) => [delimiter, block]), Buffer.from(`--${boundary}--\r\n`)]);
  return { content, contentType: `multipart/form-data; boundary=${boundary}` };
}

function headOf(name: string, part: Part): string {
  const disposition = `Content-Disposition: form-data; name="${escaped(name)}"`;
  return isFileRef(part) ? `${disposition}${fileHeadOf(part)}\r\n\r\n` : `${disposition}\r\n\r\n`;
}

function fileHeadOf({ name, mediaType }: FileRef): string {
  return `; filename="${escaped(name)}"\r\nContent-Type: ${mediaType.replaceAll(/[^\x20-\x7E]/g, "")}`;
}

function escaped(text: string): string {
  return text.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}

/** A boundary that stands in none of the blocks. */
function boundaryFor(blocks: readonly Uint8Array[], idempotencyKey: string): string {
  for (let round = 0; ; round += 1) {
    const boundary = `fluxo-${createHash("sha256").update(`${idempotencyKey}\n${round}`).digest("hex").slice(0, 40)}`;
    if (!blocks.some((block) => Buffer.from(block.buffer, block.byteOffset, block.byteLength).includes(boundary))) {
      return boundary;
    }
  }
}
