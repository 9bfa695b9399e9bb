import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json } from "@fluxo/core/json";
import type { NodeExecutor } from "@fluxo/core/node/executor";
import { jsonBytes } from "@fluxo/core/size";
import { RESPONSE_BYTES_MAX, type RespondOutput, type RespondParams } from "./definition.ts";

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";

/** The answer is the output; who sends it reads it from there. @throws NodeError DATA, OUTPUT_TOO_LARGE */
export const executeRespond: NodeExecutor<RespondParams> = ({ status, headers, body, contentType }) => {
  const bytes = jsonBytes(body ?? null);
  if (bytes > RESPONSE_BYTES_MAX) {
    throw new NodeError(`The body has ${bytes} bytes; an answer may have ${RESPONSE_BYTES_MAX}.`, { errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
  }
  const output: RespondOutput = {
    status,
    headers: {
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)])),
      ...(body === undefined ? {} : { "content-type": contentType === undefined ? typeOf(body) : withCharset(contentType) }),
    },
    body: body ?? null,
  };
  return { kind: "done", output };
};

function typeOf(body: Json): string {
  return typeof body === "string" ? TEXT_TYPE : JSON_TYPE;
}

/** Texts are sent in UTF-8; a text type that does not say so would be read as something else. */
function withCharset(contentType: string): string {
  return /^text\//i.test(contentType) && !/;\s*charset=/i.test(contentType) ? `${contentType}; charset=utf-8` : contentType;
}
