import { fileRefSchema } from "@fluxo/core/ports/files";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { fileNameSchema } from "../schemas/file.ts";
import { jsonValueSchema } from "../schemas/json.ts";

/** Longest Markdown, in characters. */
const MARKDOWN_LENGTH_MAX = 1_048_576;

/** Most rows of CSV. */
const ROWS_MAX = 100_000;

const csvSchema = z.strictObject({
  columns: z.array(z.string().max(256)).min(1).max(1_000).optional().describe("The columns, in order. Absent: all names of all rows, in the order in which they first appear."),
  delimiter: z.string().length(1, "must be one character").regex(/[^"\r\n]/, "must be neither a quote nor a line break").default(","),
  hasHeader: z.boolean().default(true).describe("Whether the first row names the columns; rows that are lists have no names."),
  bom: z.boolean().default(false).describe("Whether a byte order mark comes first, by which Excel knows UTF-8."),
  escapeFormulas: z.boolean().default(true).describe("Whether texts that a spreadsheet would run as a formula get a `'` before. Turn it off only for readers that are no spreadsheets."),
});

const xmlSchema = z.strictObject({
  attributePrefix: z.string().min(1).max(8).default("@").describe("Members whose names begin so are attributes."),
  pretty: z.boolean().default(true).describe("Whether every element has a line of its own."),
});

const paramsSchema = z
  .strictObject({
    format: z.enum(["json", "csv", "xml", "html", "text"]).describe("What is made."),
    value: jsonValueSchema.describe("What is written: for `csv` a list of objects, or of lists; for `xml` an object with one member; for `html` a text in Markdown."),
    json: z.strictObject({ pretty: z.boolean().default(true).describe("Whether every member has a line of its own.") }).optional(),
    csv: csvSchema.optional(),
    xml: xmlSchema.optional(),
    text: z.strictObject({ separator: z.string().max(64).default("\n").describe("What stands between the elements of a list.") }).optional(),
    fileName: fileNameSchema.optional().describe("Stores the result as a file of this name, and gives a reference to it in place of the text."),
  })
  .superRefine(({ format, value, ...options }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    for (const name of ["json", "csv", "xml", "text"] as const) {
      if (options[name] !== undefined && name !== format) refuse(name, `must go with the format ${name}`);
    }
    if (format === "csv" && !isTable(value)) refuse("value", `must be a list of objects, or one of lists, of at most ${ROWS_MAX}`);
    if (format === "xml" && (typeof value !== "object" || value === null || Array.isArray(value))) refuse("value", "must be an object");
    if (format === "html" && (typeof value !== "string" || value.length > MARKDOWN_LENGTH_MAX)) refuse("value", "must be a text of at most 1 MiB");
  });

function isTable(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > ROWS_MAX) {
    return false;
  }
  return value.every((row) => Array.isArray(row)) || value.every((row) => typeof row === "object" && row !== null && !Array.isArray(row));
}

export type FormatParams = z.output<typeof paramsSchema>;

/** What each format is written with when nothing is told. */
export const CSV_DEFAULTS = csvSchema.parse({});
export const XML_DEFAULTS = xmlSchema.parse({});

const outputSchema = z
  .union([z.strictObject({ text: z.string(), mediaType: z.string() }), z.strictObject({ file: fileRefSchema })])
  .describe("The text with its media type, or a reference to the file.");

export const format = defineNode({
  type: "format",
  kind: "data",
  title: "Format",
  docs: `Makes a text of data, or a file.

| format | makes |
|---|---|
| \`json\` | JSON, with the keys in their order |
| \`csv\` | a table with a header. Null and missing values are empty, objects and lists inside of a row are JSON. Texts that begin like a formula (\`=\`, \`+\`, \`-\`, \`@\` …) and are no number get a \`'\` before, so that no spreadsheet runs what strangers wrote |
| \`xml\` | XML of an object with one member, the root: members that begin with the prefix are attributes, lists are repeated elements, \`#text\` is the text. It is what \`parse\` reads |
| \`html\` | HTML of Markdown (GitHub's flavor). Scripts, styles, frames, forms, handlers, and links of other schemes than http, https, mailto and tel are left out |
| \`text\` | a text as it is; the elements of a list with a separator between them; anything else as JSON |`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "JSON", params: { format: "json", value: { total: "{{ trigger.body.total }}" } } },
    { title: "A table for Excel, as a file", params: { format: "csv", value: [{ sku: "A-17", price: 9.5 }], csv: { delimiter: ";", bom: true }, fileName: "prices.csv" } },
    { title: "XML", params: { format: "xml", value: { order: { "@id": 7, item: [{ sku: "A-17" }, { sku: "B-2" }] } } } },
    { title: "HTML of Markdown", params: { format: "html", value: "# Hello\n\nYour order is **on its way**." } },
    { title: "Lines", params: { format: "text", value: ["one", "two"] } },
  ],
});
