import type { Json } from "@fluxo/core/json";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import { jsonBytes } from "@fluxo/core/size";
import { offload } from "../offload/offload.ts";
import { isJsonObject } from "../schemas/json.ts";
import { CSV_DEFAULTS, XML_DEFAULTS, type FormatParams } from "./definition.ts";

const MEDIA_TYPES: Readonly<Record<FormatParams["format"], string>> = {
  json: "application/json",
  csv: "text/csv; charset=utf-8",
  xml: "application/xml; charset=utf-8",
  html: "text/html; charset=utf-8",
  text: "text/plain; charset=utf-8",
};

/** @throws NodeError DATA: PARAMS_INVALID for a value that the format cannot carry, DATA_TOO_LARGE; what the file store throws; the reason of the context's signal */
export const executeFormat: NodeExecutor<FormatParams> = async (params, context) => {
  const text = await textOf(params, context);
  const mediaType = MEDIA_TYPES[params.format];
  if (params.fileName === undefined) {
    return { kind: "done", output: { text, mediaType } };
  }
  return { kind: "done", output: { file: { ...(await context.files.save({ name: params.fileName, mediaType, content: Buffer.from(text, "utf8") })) } } };
};

async function textOf({ format, value, json, csv = CSV_DEFAULTS, xml = XML_DEFAULTS, text }: FormatParams, context: NodeContext): Promise<string> {
  switch (format) {
    case "json":
      return JSON.stringify(value, null, json?.pretty === false ? 0 : 2);
    case "csv":
      return offload("writeCsv", { ...csv, rows: Array.isArray(value) ? value.filter((row) => Array.isArray(row) || isJsonObject(row)) : [], columns: csv.columns ?? null }, jsonBytes(value), context);
    case "xml":
      return offload("writeXml", { ...xml, value: isJsonObject(value) ? value : {} }, jsonBytes(value), context);
    case "html":
      return offload("writeMarkdown", { text: plain(value) }, plain(value).length, context);
    case "text":
      return Array.isArray(value) ? value.map(plain).join(text?.separator ?? "\n") : plain(value);
    default:
      return format satisfies never;
  }
}

function plain(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
