import { compileValue } from "@fluxo/core/templates/compile";
import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { fileRefSchema } from "@fluxo/core/ports/files";
import { z } from "zod";
import { fileNameSchema } from "../schemas/file.ts";
import { dangerousKeysOf, jsonObjectSchema } from "../schemas/json.ts";
import { FORMATS } from "./content.ts";

const TEMPLATE_LENGTH_MAX = 200_000;

const valuesSchema = jsonObjectSchema.superRefine((values, context) => {
  for (const key of dangerousKeysOf(values)) {
    context.addIssue({ code: "custom", path: [key], message: "must have another name: this one is reserved" });
  }
});

const paramsSchema = z
  .strictObject({
    template: z
      .string()
      .min(1)
      .max(TEMPLATE_LENGTH_MAX)
      .describe("The document in Markdown, with `{{ name }}` where a value goes. Taken as saved: values come in by `values` and `trigger` only."),
    values: valuesSchema.default({}).describe("What the template names."),
    escape: z.boolean().default(true).describe("Whether the values are text and nothing else. If not, Markdown in them is Markdown."),
    format: z.enum(FORMATS).describe("What is made."),
    fileName: fileNameSchema.default("document").describe("The file's name; the format's extension is added where it is not there."),
    title: z.string().min(1).max(300).optional().describe("The title in the file's properties; unless given, its name."),
    language: z.string().regex(/^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}$/, "must be a language tag, such as en or de-AT").default("en").describe("The language of the text, such as `de-AT`."),
    pageSize: z.enum(["A4", "LETTER"]).default("A4").describe("The paper of PDF and DOCX."),
    font: fileRefSchema.optional().describe("A TrueType or OpenType font for PDF, as a file reference, for scripts that the built-in fonts do not have."),
  })
  .superRefine(({ template, values }, context) => {
    const { problems, references } = compileValue(template);
    const refuse = (message: string): void => context.addIssue({ code: "custom", path: ["template"], message });
    for (const { error } of problems) {
      refuse(`must be a template: ${error.message}`);
    }
    for (const { reference } of references) {
      if (reference.scope !== "trigger" && !(reference.scope === "name" && Object.hasOwn(values, reference.name))) {
        refuse(`must name trigger or members of values only, not ${reference.scope === "node" ? `nodes.${reference.name}` : reference.name}`);
      }
    }
  });

export type DocumentParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  file: fileRefSchema.describe("The stored file."),
  pages: z.int().min(1).optional().describe("The number of pages. Of PDF only."),
  replacedCharacters: z.int().min(0).optional().describe("Characters that the built-in fonts do not have and that became question marks. Of PDF only."),
});

const DOCS = `Fills a Markdown template in and makes a file of it: HTML, Markdown, PDF or DOCX. The output is a file reference, for an e-mail's attachment, an upload or a later node.

**Template.** GitHub's Markdown: headings, paragraphs, emphasis, lists and tasks, tables, quotes, code, links (http, https, mailto), rules. HTML in it is left out, but
for \`<br>\`; nothing is ever loaded. \`{{ name }}\` stands for a member of \`values\`, with the paths and filters that templates have everywhere; \`{{ trigger.… }}\` is there
as well. The template itself is taken as saved, so other nodes' outputs come in by \`values\`.

**Values.** A text, number or boolean is written as text; with \`escape\` (the default) none of its characters has a meaning in Markdown, so that a customer's name can
bring in no link and no table. A list of objects becomes a table with their members as columns, another list a list: give these a line of their own. A file reference
of a PNG or JPEG becomes the picture. Inside of code the escaping shows, so write code without values, or without \`escape\`.

**Formats.** HTML is one page with its pictures in it, without scripts, under a content security policy that loads nothing. PDF and DOCX have page numbers. The
built-in fonts of PDF have Western European characters; others need \`font\`, which then serves for all text. The same input makes the same bytes: the date in the
file is that of the execution's start.`;

const ORDER = {
  number: "2026-117",
  items: [
    { item: "Consulting", hours: 4, amount: "480.00" },
    { item: "Workshop", hours: 6, amount: "900.00" },
  ],
};

const TEMPLATE = "# Invoice {{ number }}\n\nFor **{{ trigger.body.email }}**\n\n{{ items }}\n\nPayable within 14 days.\n";

export const documentGenerate = defineNode({
  type: "document.generate",
  kind: "data",
  title: "Generate document",
  docs: DOCS,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "never",
  sideEffect: "none",
  integration: null,
  literalParams: ["template"],
  defaultTimeoutMs: 30_000,
  examples: [
    { title: "An invoice as PDF", params: { template: TEMPLATE, values: ORDER, format: "pdf", fileName: "invoice.pdf" } },
    { title: "The same for Word", params: { template: TEMPLATE, values: ORDER, format: "docx", fileName: "invoice", title: "Invoice {{ trigger.body.sku }}", pageSize: "LETTER" } },
    { title: "A page in German", params: { template: "# Hallo\n\n{{ tags }}\n", values: { tags: "{{ trigger.body.tags }}" }, format: "html", language: "de" } },
    { title: "Markdown", params: { template: "- [x] {{ trigger.body.sku }}\n", format: "markdown", fileName: "done.md" } },
  ],
});
