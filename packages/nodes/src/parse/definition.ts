import { fileRefSchema } from "@fluxo/core/ports/files";
import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { jsonValueSchema } from "../schemas/json.ts";

/** Longest text, in characters; of a file, in bytes. */
export const TEXT_LENGTH_MAX = 5_242_880;

const characterSchema = z.string().length(1, "must be one character");

const csvSchema = z
  .strictObject({
    delimiter: characterSchema.default(",").describe("What stands between columns."),
    quote: characterSchema.default('"').describe("What stands around a value that holds delimiters or line breaks; twice for itself."),
    hasHeader: z.boolean().default(true).describe("Whether the first row names the columns. Rows are objects then, else lists."),
    trim: z.boolean().default(false).describe("Whether white space around values is left out."),
    rowsMax: z.int().min(1).max(100_000).default(10_000).describe("More rows fail the node."),
    columnsMax: z.int().min(1).max(1_000).default(200).describe("More columns fail the node."),
  })
  .refine(({ delimiter, quote }) => delimiter !== quote && !/[\r\n]/.test(delimiter + quote), "must have a delimiter and a quote that differ, and are no line breaks");

const xmlSchema = z.strictObject({
  attributePrefix: z.string().min(1).max(8).default("@").describe("Put before the names of attributes, so that they differ from elements."),
  lists: z.array(z.string().min(1).max(128)).max(100).default([]).describe("Elements that are lists also where they stand alone. Others are lists only where they are repeated."),
});

const fieldSchema = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .refine((name) => !DANGEROUS_KEYS.has(name), "must be another name: this one is reserved")
      .describe("Names the value in the output."),
    selector: z.string().min(1).max(512).describe("A CSS selector."),
    take: z.enum(["text", "html", "attribute"]).default("text").describe("The text with single spaces, the inner HTML, or an attribute of what is found."),
    attribute: z.string().min(1).max(128).optional().describe("Of `take: attribute`: its name."),
    all: z.boolean().default(false).describe("All that is found, as a list; else the first, or null."),
  })
  .refine(({ take, attribute }) => (take === "attribute") === (attribute !== undefined), "must have an attribute if, and only if, take is attribute");

const paramsSchema = z
  .strictObject({
    format: z.enum(["json", "csv", "xml", "html"]).describe("What the text is."),
    text: z.string().max(TEXT_LENGTH_MAX).optional().describe("The text; 5 MiB at most."),
    file: fileRefSchema.optional().describe("A file in UTF-8 instead, of 5 MiB at most."),
    csv: csvSchema.optional().describe("How CSV is read."),
    xml: xmlSchema.optional().describe("How XML is read."),
    fields: z.array(fieldSchema).min(1).max(50).optional().describe("Of HTML: what is taken."),
    dangerousKeys: z.enum(["refuse", "drop"]).default("refuse").describe("Of JSON: what happens to members named `__proto__`, `constructor` or `prototype`, at any depth."),
  })
  .superRefine(({ format, text, file, csv, xml, fields }, context) => {
    const refuse = (path: string, message: string): void => context.addIssue({ code: "custom", path: [path], message });
    if ((text === undefined) === (file === undefined)) refuse("text", "must be there, or file, and not both");
    if (csv !== undefined && format !== "csv") refuse("csv", "must go with the format csv");
    if (xml !== undefined && format !== "xml") refuse("xml", "must go with the format xml");
    if ((fields !== undefined) !== (format === "html")) refuse("fields", format === "html" ? "must be there, because they tell what is taken" : "must go with the format html");
  })
  .meta({ oneOf: [{ required: ["text"] }, { required: ["file"] }] });

export type ParseParams = z.output<typeof paramsSchema>;

/** What CSV and XML are read with when nothing is told. */
export const CSV_DEFAULTS = csvSchema.parse({});
export const XML_DEFAULTS = xmlSchema.parse({});

const outputSchema = z.strictObject({ data: jsonValueSchema.describe("The value: rows of CSV, the root of XML, the fields of HTML by name.") });

export const parse = defineNode({
  type: "parse",
  kind: "data",
  title: "Parse",
  docs: `Makes data of a text or a file.

| format | gives |
|---|---|
| \`json\` | the value. Members named \`__proto__\`, \`constructor\` or \`prototype\` fail the node, or are dropped |
| \`csv\` | a list of rows: objects by the names of the header, or lists. All values are texts. A row with more or fewer columns than the first fails the node. An empty name becomes \`column2\`, a repeated one \`name_2\` |
| \`xml\` | \`{ root: … }\`. An element with nothing but text is that text; any other is an object: attributes with the prefix, elements by name, text as \`#text\`. All values are texts. An element that is repeated is a list; name it in \`lists\` to have one also where it stands alone |
| \`html\` | an object of \`fields\`: what CSS selectors find. Nothing of the page is run or fetched |

Document types (\`DOCTYPE\`) and entities of XML are refused. JSON may be nested 500 levels deep, XML 100. A text that takes more than five seconds to read fails the node, and holds up nobody else.
Errors name the line where they can, and never quote the text.`,
  tier: "FREE",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  defaultTimeoutMs: 10_000,
  examples: [
    { title: "JSON in a text", params: { format: "json", text: '{ "total": 12 }' } },
    { title: "CSV with semicolons", params: { format: "csv", text: "sku;price\nA-17;9,50\n", csv: { delimiter: ";" } } },
    { title: "A feed", params: { format: "xml", text: "<rss><channel><title>News</title><item><title>One</title></item></channel></rss>", xml: { lists: ["item"] } } },
    {
      title: "Links of a page",
      params: {
        format: "html",
        text: '<h1>Offers</h1><a href="/a">A</a> <a href="/b">B</a>',
        fields: [
          { name: "title", selector: "h1" },
          { name: "links", selector: "a", take: "attribute", attribute: "href", all: true },
        ],
      },
    },
  ],
});
