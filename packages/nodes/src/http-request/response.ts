import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { HttpResponse } from "@fluxo/core/ports/http";
import { decodeIfText, decodeText, isJsonType, isTextual, mediaTypeOf } from "../http/content.ts";
import type { HttpRequestParams } from "./definition.ts";

type ResponseFormat = HttpRequestParams["responseFormat"];

/** The node's output for an answer. @throws NodeError DATA, PROVIDER_FAILED when it had to be JSON and is not */
export function outputOf(response: HttpResponse, format: ResponseFormat): JsonObject {
  // A cookie is a secret of the session that ends here.
  const { "set-cookie": _secret, ...headers } = response.headers;
  return { status: response.status, headers, body: bodyOf(response, format), url: response.url };
}

function bodyOf(response: HttpResponse, format: ResponseFormat): Json {
  const { body } = response;
  switch (format) {
    case "auto":
      return body.byteLength === 0 ? null : guessedBody(response);
    case "json":
      return body.byteLength === 0 ? null : jsonBody(response);
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

function jsonBody({ status, body }: HttpResponse): Json {
  const json = parseJson(body);
  if (json === undefined) {
    throw new NodeError(`The provider answered ${status} with a body that is not JSON.`, { errorClass: "DATA", code: "PROVIDER_FAILED" });
  }
  return json;
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
