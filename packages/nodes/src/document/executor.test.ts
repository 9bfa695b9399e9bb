import type { JsonObject } from "@fluxo/core/json";
import type { NodeContext } from "@fluxo/core/node/executor";
import { fileRefSchema } from "@fluxo/core/ports/files";
import { longestHoldUpMs } from "@fluxo/sandbox/testing/event-loop";
import { beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { nodeContext } from "../testing/node-context.ts";
import { readPdfText, readZip } from "../testing/read-documents.ts";
import { fillTemplate } from "./fill.ts";
import { render } from "./render.ts";

/** One red pixel. */
const PNG = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==", "base64");

const TEMPLATE = `# Report {{ name }}

Text with **bold**, *slanted*, ~~gone~~, \`code\`, [a link](https://example.com/a?b=1&c=2) and {{ name }}.

1. first
2. second
   - [x] inner
   - [ ] open

> quoted

{{ rows }}

\`\`\`
let x = 1;
\`\`\`

---

{{ logo }}
`;

let files: MemoryFiles;
beforeEach(() => {
  files = new MemoryFiles();
});

const outputShape = z.strictObject({ file: fileRefSchema, pages: z.number().optional(), replacedCharacters: z.number().optional() });

async function make(params: JsonObject, parts: Partial<NodeContext> = {}): Promise<z.output<typeof outputShape> & { readonly content: Uint8Array; readonly text: string }> {
  const result = await executeNode("document.generate", params, nodeContext({ files, trigger: { body: { city: "Graz" } }, ...parts }));
  const output = outputShape.parse(doneOf(result).output);
  const content = await files.read(output.file.fileId);
  return { ...output, content, text: Buffer.from(content).toString("utf8") };
}

async function values(): Promise<JsonObject> {
  const logo = await files.save({ name: "logo.png", mediaType: "image/png", content: PNG });
  return { name: "Ä & Co.", rows: [{ item: "A", price: 1.5 }, { item: "B|C", note: null, price: 2 }], logo: { ...logo } };
}

/** The HTML of a template, made in this thread. */
async function html(template: string, values: JsonObject, escape = true): Promise<string> {
  const markdown = fillTemplate(template, values, { body: { city: "Graz" } }, escape);
  const { content } = await render({ format: "html", markdown, title: "t", language: "en", pageSize: "A4", createdAtMs: 0, pictures: [], font: undefined });
  return Buffer.from(content).toString("utf8");
}

describe("every format", () => {
  test("HTML is one page with everything in it", async () => {
    const { file, text } = await make({ template: TEMPLATE, values: await values(), format: "html", fileName: "report", language: "de" });
    expect(file).toMatchObject({ name: "report.html", mediaType: "text/html" });
    for (const part of [
      '<html lang="de">',
      "<title>report.html</title>",
      "<h1>Report Ä &amp; Co.</h1>",
      "<strong>bold</strong>, <em>slanted</em>, <s>gone</s>, <code>code</code>",
      '<a href="https://example.com/a?b=1&amp;c=2" rel="noopener noreferrer">a link</a>',
      '<ol start="1">',
      '<input type="checkbox" disabled checked>',
      "<blockquote>",
      '<th style="text-align:left">price</th>',
      '<td style="text-align:left">B|C</td>',
      "<pre><code>let x = 1;</code></pre>",
      "<hr>",
      `<img alt="logo.png" src="data:image/png;base64,${PNG.toString("base64")}">`,
    ]) {
      expect(text).toContain(part);
    }
  });

  test("PDF shows the texts, with page numbers", async () => {
    const { file, content, pages, replacedCharacters } = await make({ template: `${TEMPLATE}\n\n${"More text. ".repeat(1_500)}`, values: await values(), format: "pdf", title: "My title" });
    expect(file).toMatchObject({ name: "document.pdf", mediaType: "application/pdf" });
    expect(Buffer.from(content.subarray(0, 5)).toString("latin1")).toBe("%PDF-");
    expect(pages).toBeGreaterThan(2);
    expect(replacedCharacters).toBe(0);
    const text = readPdfText(content);
    for (const part of ["Report Ä & Co.", "bold", "slanted", "a link", "1.", "second", "[x]", "quoted", "price", "B|C", "let x = 1;", `1 / ${pages}`, `${pages} / ${pages}`]) {
      expect(text).toContain(part);
    }
    const raw = Buffer.from(content).toString("latin1");
    expect(raw).toContain("/Subtype /Image");
    expect(raw).toContain("(https://example.com/a?b=1&c=2)");
    expect(raw).toContain("(My title)");
    expect(raw.match(/\/Type \/Page\n/g)).toHaveLength(pages ?? 0);
  });

  test("DOCX has paragraphs, lists, tables, links and pictures", async () => {
    const { file, content } = await make({ template: TEMPLATE, values: await values(), format: "docx", fileName: "report.docx" });
    expect(file.name).toBe("report.docx");
    const entries = readZip(content);
    const document = entries.get("word/document.xml") ?? "";
    for (const part of ["Report ", "Ä", "&amp;", "Heading1", "<w:b/>", "<w:i/>", "<w:strike/>", "Courier New", "<w:numPr>", "<w:tbl>", "B|C", "☒ ", "let x = 1;", "<w:hyperlink ", "<pic:pic "]) {
      expect(document).toContain(part);
    }
    expect(entries.get("word/_rels/document.xml.rels")).toContain('Target="https://example.com/a?b=1&amp;c=2"');
    expect([...entries.keys()].some((name) => name.startsWith("word/media/"))).toBe(true);
    expect([...entries].find(([name]) => name.startsWith("word/footer"))?.[1]).toContain("NUMPAGES");
    expect(entries.get("docProps/core.xml")).toContain("2026-01-01T00:00:00");
  });

  test("Markdown is the text that was filled in", async () => {
    const { file, text } = await make({ template: "# {{ name }}\n{{ trigger.body.city | upper }}", values: { name: "a*b" }, format: "markdown", fileName: "a.txt" });
    expect(file).toMatchObject({ name: "a.txt.md", mediaType: "text/markdown" });
    expect(text).toBe(String.raw`# a\*b` + "\nGRAZ");
  });

  test.each(["html", "pdf", "docx"])("%s has the same bytes for every attempt", async (format) => {
    const params = { template: TEMPLATE, values: await values(), format };
    const first = await make(params, { attempt: 1 });
    const second = await make(params, { attempt: 2 });
    expect(second.file).toEqual(first.file);
  });

  test("tells the start of the execution by its id", async () => {
    const executionId = "019b8cb3-4b00-7000-8000-000000000000";
    const { content } = await make({ template: "x", format: "docx" }, { executionId });
    expect(readZip(content).get("docProps/core.xml")).toContain(new Date(0x019b8cb34b00).toISOString().slice(0, 19));
  });
});

describe("values are text and nothing else", () => {
  const ATTACKS: readonly string[] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example.com/beacon.png)",
    "**bold** _it_ `code` ~~s~~",
    "# heading\n- item\n\n    code\n> quote\n1. one\n---",
    "| a | b |\n|---|---|\n| c | d |",
    "&lt;b&gt; &#60;script&#62;",
    "https://evil.example.com www.evil.example.com a@evil.example.com",
    "[ref]: https://evil.example.com\n[ref]",
    "\\[x](https://evil.example.com)",
    "{{ trigger.body.city }}",
    "\u2028# a\u0000b\u0007",
  ];

  test.each(ATTACKS)("in HTML: %j", async (value) => {
    const text = await html("Before {{ value }} after", { value });
    const body = text.slice(text.indexOf("<body>") + 6, text.indexOf("</body>")).trim();
    expect(body).toMatch(/^<p>Before .* after<\/p>$/s);
    expect(body.replaceAll(/<\/?p>|<br>/g, "")).not.toMatch(/[<>]/);
    const shown = body.replaceAll("<br>", "\n").replaceAll(/<\/?p>/g, "").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");
    const expected = value.replaceAll(/[\t ]+/g, " ").replaceAll(/ ?[\n\u2028] ?/g, "\n").replaceAll("\u0000", "").replaceAll("\u0007", "");
    expect(shown).toBe(`Before ${expected} after`);
  });

  test("in tables, lists and headings", async () => {
    const attack = "a | b\n| <b>[x](https://evil.example.com)";
    const text = await html("# {{ value }}\n\n{{ rows }}\n\n{{ list }}", { value: attack, rows: [{ [attack]: attack, n: 1 }], list: [attack] });
    expect(text).not.toContain("<a ");
    expect(text).not.toContain("<b>");
    expect(text.match(/<td /g)).toHaveLength(2);
    expect(text.match(/<th /g)).toHaveLength(2);
    expect(text.match(/<li>/g)).toHaveLength(1);
  });

  test("unless Markdown is asked for, and then still not HTML, scripts or anything loaded", async () => {
    const value = "**bold** <script>alert(1)</script> [x](javascript:alert(1)) ![pic](https://evil.example.com/p.png) [y](data:text/html,x)";
    const text = await html("{{ value }}", { value }, false);
    expect(text).toContain("<strong>bold</strong>");
    expect(text).not.toMatch(/<script|javascript:|evil\.example\.com|data:text/);
  });

  test("only files that the values name are read", async () => {
    const secret = await files.save({ name: "s.png", mediaType: "image/png", content: PNG });
    const { text } = await make({ template: `![alt](file:${secret.fileId})`, format: "html" });
    expect(text).toContain("<p>alt</p>");
    expect(text).not.toContain("data:image");
  });
});

describe("failures", () => {
  test.each<[JsonObject, string]>([
    [{ template: "{{ name" }, "/template must be a template"],
    [{ template: "{{ name }}" }, "/template must name trigger or members of values only, not name"],
    [{ template: "{{ nodes.a.b }}" }, "not nodes.a"],
    [{ template: "{{ execution.id }}" }, "not execution"],
    [{ template: "x", values: { constructor: 1 } }, "/values/constructor"],
    [{ template: "x", fileName: "../x" }, "/fileName"],
    [{ template: "x", format: "exe" }, "/format"],
    [{ template: "x", language: "en\"><script>" }, "/language"],
  ])("of the parameters %j", async (params, named) => {
    const error = await nodeErrorOf(make({ format: "pdf", ...params }));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });

  test("of a value that is not there, a picture or a font that is none", async () => {
    expect(await nodeErrorOf(make({ template: "{{ a.b }}", values: { a: {} }, format: "pdf" }))).toMatchObject({ code: "TEMPLATE_REFERENCE_MISSING" });
    const broken = await files.save({ name: "a.png", mediaType: "image/png", content: Buffer.from("no picture") });
    for (const format of ["pdf", "docx"]) {
      expect(await nodeErrorOf(make({ template: "{{ a }}", values: { a: { ...broken } }, format }))).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    }
    expect(await nodeErrorOf(make({ template: "x", font: { ...broken }, format: "pdf" }))).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
  });

  test("of nesting without end, which hurts nobody else", async () => {
    const startedAt = performance.now();
    const template = `${">".repeat(20_000)} x\n\n${"[".repeat(50_000)}\n\n${"*a_".repeat(20_000)}`;
    let outcome: unknown;
    const heldUpMs = await longestHoldUpMs(async () => {
      outcome = await make({ template, format: "pdf" }, { timeoutMs: 1_500 }).then(
        () => "made",
        (error: unknown) => error,
      );
    });
    expect(outcome === "made" || (outcome instanceof Error && /in time|cannot be made|memory/.test(outcome.message))).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    expect(heldUpMs).toBeLessThan(500);
  });

  test("of time and of a cancel end the thread", async () => {
    const template = "text ".repeat(39_000);
    expect(await nodeErrorOf(make({ template, format: "pdf" }, { timeoutMs: 1 }))).toMatchObject({ errorClass: "TIMEOUT", code: "NODE_TIMEOUT" });
    const controller = new AbortController();
    const reason = new Error("canceled");
    const attempt = make({ template, format: "pdf" }, { signal: controller.signal });
    setImmediate(() => controller.abort(reason));
    await expect(attempt).rejects.toBe(reason);
  });

  test("do not use the places up", async () => {
    const made = await Promise.all(Array.from({ length: 5 }, async (_, index) => (await make({ template: `n${index}`, format: "html" })).text.includes(`n${index}`)));
    expect(made).toEqual([true, true, true, true, true]);
  });

  test("characters that the fonts of PDF do not have are counted", async () => {
    const { replacedCharacters, content } = await make({ template: "Ж – € 漢", format: "pdf" });
    expect(replacedCharacters).toBe(2);
    expect(readPdfText(content)).toContain("? ");
  });
});
