import type { Json } from "@fluxo/core/json";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import { offload } from "../offload/offload.ts";
import { CSV_DEFAULTS, TEXT_LENGTH_MAX, XML_DEFAULTS, type ParseParams } from "./definition.ts";
import { readJson } from "./json.ts";
import { tooLarge, unreadable } from "./unreadable.ts";

/** @throws NodeError DATA: DATA_UNREADABLE, DATA_TOO_LARGE, PARAMS_INVALID for a selector; what the file throws; the reason of the context's signal */
export const executeParse: NodeExecutor<ParseParams> = async (params, context) => {
  const text = params.file === undefined ? (params.text ?? "") : await textOf(params.file, context);
  return { kind: "done", output: { data: await dataOf(text, params, context) } };
};

async function dataOf(text: string, { format, csv = CSV_DEFAULTS, xml = XML_DEFAULTS, fields = [], dangerousKeys }: ParseParams, context: NodeContext): Promise<Json> {
  switch (format) {
    case "json":
      return readJson(text, dangerousKeys);
    case "csv":
      return offload("readCsv", { text, ...csv }, text.length, context);
    case "xml":
      return offload("readXml", { text, ...xml }, text.length, context);
    case "html":
      return offload("readHtml", { text, fields: fields.map((field) => ({ ...field, attribute: field.attribute ?? null })) }, text.length, context);
    default:
      return format satisfies never;
  }
}

async function textOf({ fileId, bytes }: NonNullable<ParseParams["file"]>, context: NodeContext): Promise<string> {
  if (bytes > TEXT_LENGTH_MAX) {
    throw tooLarge(`The file has more than ${TEXT_LENGTH_MAX} bytes`);
  }
  const content = await context.files.read(fileId);
  if (content.byteLength > TEXT_LENGTH_MAX) {
    throw tooLarge(`The file has more than ${TEXT_LENGTH_MAX} bytes`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw unreadable("UTF-8", "the file is in another encoding, or no text");
  }
}
