import type { Json, JsonObject } from "@fluxo/core/json";
import type { FileRef } from "@fluxo/core/ports/files";
import { templateContext } from "@fluxo/core/templates/context";
import { renderText } from "@fluxo/core/templates/render";
import { interpolated } from "@fluxo/core/templates/values";
import { isFileRef } from "../schemas/file.ts";
import { isJsonObject } from "../schemas/json.ts";
import { FILE_SCHEME } from "./parse-markdown.ts";

const PICTURE_TYPES = ["image/png", "image/jpeg"] as const;
type PictureType = (typeof PICTURE_TYPES)[number];

/** Whether a file can be shown in a document, by its media type. */
export function pictureType({ mediaType }: FileRef): PictureType | undefined {
  return PICTURE_TYPES.find((type) => type === mediaType);
}

/**
 * The Markdown of a template with its values. A list of objects becomes a table, another list a list, a file reference of a picture the picture.
 * With `escape` no value brings in markup of its own.
 * @throws NodeError DATA: TEMPLATE_SYNTAX, TEMPLATE_REFERENCE_MISSING, TEMPLATE_VALUE_REFUSED
 */
export function fillTemplate(template: string, values: JsonObject, trigger: JsonObject, escape: boolean): string {
  const context = templateContext({ trigger, execution: {}, outputs: new Map(Object.entries(values)), aliases: new Map() });
  const inline = escape ? escaped : interpolated;
  return renderText(template, context, (value) => markdownOf(value, inline));
}

type WriteInline = (value: Json) => string;

function markdownOf(value: Json, inline: WriteInline): string {
  if (isFileRef(value)) {
    return pictureOf(value);
  }
  if (!Array.isArray(value) || value.length === 0) {
    return Array.isArray(value) ? "" : inline(value);
  }
  const cell = (item: Json): string => (isFileRef(item) ? pictureOf(item) : inline(item));
  const records = value.filter((item): item is JsonObject => isJsonObject(item) && !isFileRef(item));
  return records.length === value.length ? tableOf(records, cell) : `\n\n${value.map((item) => `- ${cell(item)}`).join("\n")}\n\n`;
}

/** One row per object; the columns are the names in the order in which they turn up. */
function tableOf(records: readonly JsonObject[], cell: WriteInline): string {
  const columns = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const line = (cells: readonly string[]): string => `| ${cells.map((text) => text.replaceAll(/\r?\n/g, " ")).join(" | ")} |`;
  const rows = records.map((record) => line(columns.map((name) => (Object.hasOwn(record, name) ? cell(record[name] ?? null) : ""))));
  return columns.length === 0 ? "" : `\n\n${[line(columns.map((name) => escaped(name))), line(columns.map(() => "---")), ...rows].join("\n")}\n\n`;
}

function pictureOf(file: FileRef): string {
  return pictureType(file) === undefined ? escaped(file.name) : `![${escaped(file.name)}](${FILE_SCHEME}${file.fileId})`;
}

/** A backslash takes the meaning of every ASCII punctuation character (CommonMark, section 2.4); lines and indents would make blocks. */
function escaped(value: Json): string {
  return interpolated(value)
    .replaceAll(/[\t \u00A0]+/g, " ")
    .replaceAll(/[!-/:-@[-`{-~]/g, String.raw`\$&`)
    .replaceAll(/ ?(?:\r\n|\r|\n|\u2028|\u2029) ?/g, "<br>")
    .replaceAll(/\p{Cc}/gu, "");
}
