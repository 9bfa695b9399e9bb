import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { FilePort } from "@fluxo/core/ports/files";
import type { HttpResponse } from "@fluxo/core/ports/http";
import { decodeIfText, decodeText, isJsonType, isTextual, mediaTypeOf } from "../http/content.ts";
import { dispositionFileName } from "../http/disposition.ts";
import { safeFileName } from "../schemas/file.ts";
import type { HttpRequestParams } from "./params.ts";

/** The node's output for an answer. @throws NodeError DATA, PROVIDER_FAILED when it had to be JSON and is not; FILE_TOO_LARGE */
export async function outputOf(response: HttpResponse, params: HttpRequestParams, files: FilePort): Promise<JsonObject> {
  const body = params.responseFormat === "file" ? await savedBody(response, params, files) : bodyOf(response, params.responseFormat);
  return { status: response.status, headers: visibleHeaders(response), body, url: response.url };
}

/** The headers without cookies: a cookie is a secret of the session that ends here. */
export function visibleHeaders(response: HttpResponse): Record<string, string> {
  const { "set-cookie": _secret, ...headers } = response.headers;
  return headers;
}

/** The body as JSON, null when it is empty. @throws NodeError DATA, PROVIDER_FAILED when it is none */
export function jsonOf({ status, body }: HttpResponse): Json {
  const json = body.byteLength === 0 ? null : parseJson(body);
  if (json === undefined) {
    throw new NodeError(`The provider answered ${status} with a body that is not JSON.`, { errorClass: "DATA", code: "PROVIDER_FAILED" });
  }
  return json;
}

async function savedBody({ headers, body, url }: HttpResponse, { fileName }: HttpRequestParams, files: FilePort): Promise<Json> {
  if (body.byteLength === 0) {
    return null;
  }
  const { essence } = mediaTypeOf(headers["content-type"]);
  const name = fileName ?? safeFileName(dispositionFileName(headers["content-disposition"] ?? "") ?? pathNameOf(url), "download");
  const { fileId, mediaType, bytes, sha256, name: savedName } = await files.save({ name, mediaType: essence === "" ? "application/octet-stream" : essence.slice(0, 200), content: body });
  return { fileId, name: savedName, mediaType, bytes, sha256 };
}

function pathNameOf(url: string): string {
  const { pathname } = new URL(url);
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}

function bodyOf(response: HttpResponse, format: Exclude<HttpRequestParams["responseFormat"], "file">): Json {
  const { body } = response;
  switch (format) {
    case "auto":
      return body.byteLength === 0 ? null : guessedBody(response);
    case "json":
      return jsonOf(response);
    case "text":
      return decodeText(body, mediaTypeOf(response.headers["content-type"]).charset);
    case "base64":
      return Buffer.from(body).toString("base64");
    default:
      return format satisfies never;
  }
}

function guessedBody({ headers, body }: HttpResponse): Json {
  const mediaType = mediaTypeOf(headers["content-type"]);
  const json = isJsonType(mediaType) ? parseJson(body) : undefined;
  if (json !== undefined) {
    return json;
  }
  const text = isTextual(mediaType) ? decodeText(body, mediaType.charset) : undefined;
  return text ?? (mediaType.essence === "" ? decodeIfText(body) : undefined) ?? Buffer.from(body).toString("base64");
}

/** JSON is UTF-8, whatever charset a header names (RFC 8259, section 8.1). Undefined when it is no JSON. */
function parseJson(body: Uint8Array): Json | undefined {
  try {
    const json: Json = JSON.parse(decodeText(body));
    return json;
  } catch {
    return undefined;
  }
}
