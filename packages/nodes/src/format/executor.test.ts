import type { Json, JsonObject } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { nodeContext } from "../testing/node-context.ts";

async function formatted(params: JsonObject): Promise<string> {
  return Object(doneOf(await executeNode("format", params, nodeContext())).output).text;
}

async function parsed(params: JsonObject): Promise<Json> {
  return Object(doneOf(await executeNode("parse", params, nodeContext())).output).data;
}

describe("format csv", () => {
  test("writes objects, with all names that there are, and lists", async () => {
    const value: Json = JSON.parse('[{"a":1,"b":null},{"b":"x, \\"y\\"\\nz","c":{"d":[1]}},{"__proto__":"own","a":true}]');
    await expect(formatted({ format: "csv", value })).resolves.toBe('a,b,c,__proto__\n1,"","",""\n"","x, ""y""\nz","{""d"":[1]}",""\ntrue,"","",own\n');
    await expect(formatted({ format: "csv", value: [["a", 1], ["b"]], csv: { delimiter: ";", bom: true } })).resolves.toBe('\uFEFFa;1\nb\n');
    await expect(formatted({ format: "csv", value: [{ a: 1, b: 2 }], csv: { columns: ["b", "x", "constructor"], hasHeader: false } })).resolves.toBe('2,"",""\n');
    await expect(formatted({ format: "csv", value: [] })).resolves.toBe("");
  });

  test.each(["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "|calc", "%0A=1", "＝1", "＋1", "－1", "＠1", '=HYPERLINK("http://evil")'])("makes the formula %j a text, also as a name of a column", async (formula) => {
    const text = await formatted({ format: "csv", value: [{ [formula]: formula }] });
    const [row] = Object(await parsed({ format: "csv", text, csv: { hasHeader: false } }));
    expect(row).toEqual([`'${formula}`]);
    const [, raw] = Object(await parsed({ format: "csv", text: await formatted({ format: "csv", value: [["x"], [formula]], csv: { escapeFormulas: false } }), csv: { hasHeader: false } }));
    expect(raw).toEqual([formula]);
  });

  test("leaves numbers alone, also in texts", async () => {
    await expect(formatted({ format: "csv", value: [[-5, "-5", "-1.5e3", "+5", "a=b", "a-b"]] })).resolves.toBe("-5,-5,-1.5e3,'+5,a=b,a-b\n");
  });

  test("is read back as it was, whatever the texts", async () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom("", " ", '"', ",", "\n", "\r", "\r\n", "a\nb", '""', "\uFEFF", ";", "'"));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }).chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 })), fc.constantFrom(",", ";", "\t"), async (rows, delimiter) => {
        const text = await formatted({ format: "csv", value: rows, csv: { delimiter, escapeFormulas: false, bom: true } });
        await expect(parsed({ format: "csv", text, csv: { delimiter, hasHeader: false } })).resolves.toEqual(rows);
      }),
    );
  });
});

describe("format xml", () => {
  test("writes attributes, lists, texts and empty elements", async () => {
    const value = { order: { "@id": 7, "@q": `"<'\n`, item: [{ sku: "A & B" }, "x"], empty: null, "#text": "t>" } };
    await expect(formatted({ format: "xml", value, xml: { pretty: false } })).resolves.toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<order id="7" q="&quot;&lt;&apos;&#10;">t&gt;<item><sku>A &amp; B</sku></item><item>x</item><empty/></order>\n',
    );
    await expect(formatted({ format: "xml", value: { a: { b: 1 } } })).resolves.toBe('<?xml version="1.0" encoding="UTF-8"?>\n<a>\n  <b>1</b>\n</a>\n');
  });

  test("is read back as it was", async () => {
    const text = fc.string({ minLength: 1 }).filter((candidate) => /^\S(?:[^\p{Cc}\uFFFE\uFFFF]*\S)?$/u.test(candidate) && !/\p{Cc}/u.test(candidate) && candidate.isWellFormed());
    const name = fc.stringMatching(/^[a-z_][a-z0-9_.-]{0,8}$/).filter((candidate) => !["constructor", "prototype", "__proto__"].includes(candidate));
    const element = fc.letrec<{ node: JsonObject }>((tie) => ({
      node: fc.dictionary(name, fc.oneof({ depthSize: "small" }, text, fc.array(text, { minLength: 2, maxLength: 3 }), tie("node")), { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
    })).node;
    await fc.assert(
      fc.asyncProperty(element, fc.boolean(), async (inner, pretty) => {
        const value = { root: inner };
        await expect(parsed({ format: "xml", text: await formatted({ format: "xml", value, xml: { pretty } }) })).resolves.toEqual(value);
      }),
      { numRuns: 60 },
    );
  });

  test.each<[JsonObject, string]>([
    [{}, "one member"],
    [{ a: 1, b: 2 }, "one member"],
    [{ a: [1, 2] }, "one member"],
    [{ "a><script>": 1 }, "level 1"],
    [{ a: { "b c": 1 } }, "level 2"],
    [{ a: { '@x="1" y': 1 } }, "no attribute"],
    [{ a: { "@": 1 } }, "no attribute"],
    [{ a: "\u0000" }, "character"],
    [{ a: "\uD800" }, "character"],
  ])("refuses what XML cannot carry: %#", async (value, named) => {
    const error = await nodeErrorOf(formatted({ format: "xml", value }));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });
});

describe("format html", () => {
  test("makes HTML of Markdown", async () => {
    const html = await formatted({ format: "html", value: "# Hi *you*\n\n- a\n- b\n\n|x|\n|-|\n|1|\n\n[l](https://example.com 't') `<b>`\n\n```js\nlet a\n```" });
    for (const piece of ["<h1>Hi <em>you</em></h1>", "<li>a</li>", "<td>1</td>", 'href="https://example.com"', "<code>&lt;b&gt;</code>", 'class="language-js"']) expect(html).toContain(piece);
  });

  test.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt&#58;alert(1))",
    "[x](java\tscript:alert(1))",
    "![x](data:text/html;base64,PHNjcmlwdD4=)",
    "<a href='vbscript:x'>x</a>",
    "<iframe src=//evil></iframe>",
    "<style>*{background:url(//evil)}</style>",
    "<p style='background:url(//evil)'>x</p>",
    "<form action=//evil><input></form>",
    "<svg/onload=alert(1)>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<a href='//evil'>x</a>",
    "<object data=//evil></object><embed src=//evil><base href=//evil><meta http-equiv=refresh content=0>",
    '```"><img src=x onerror=alert(1)>\na\n```',
  ])("leaves out what could act: %s", async (value) => {
    const html = await formatted({ format: "html", value });
    expect(html).not.toMatch(/<(?:script|iframe|style|form|input|svg|math|object|embed|base|meta)|<[^>]*\son\w+\s*=|(?:href|src)="(?!https?:|mailto:|tel:|cid:|x")[^"]|style=|="\/\//i);
  });

  test.each([
    ["brackets", "[".repeat(50_000)],
    ["stars", "*a **b ".repeat(20_000)],
    ["quotes", ">".repeat(50_000)],
    ["lists", "- ".repeat(50_000)],
    ["back ticks", Array.from({ length: 400 }, (_, index) => `${"`".repeat(index)}a`).join("")],
    ["links", "![a](".repeat(20_000)],
    ["tags", "<a href='".repeat(20_000)],
    ["underscores", "_a".repeat(50_000)],
  ])("ends with hostile Markdown in time: %s", { timeout: 20_000 }, async (_what, value) => {
    const outcome = await formatted({ format: "html", value }).catch((error: unknown) => error);
    expect(typeof outcome === "string" ? { code: "DATA_TOO_LARGE" } : outcome).toMatchObject({ code: "DATA_TOO_LARGE" });
  });
});

describe("format", () => {
  test("writes JSON and texts", async () => {
    await expect(formatted({ format: "json", value: { b: [1], a: "ä" } })).resolves.toBe('{\n  "b": [\n    1\n  ],\n  "a": "ä"\n}');
    await expect(formatted({ format: "json", value: null, json: { pretty: false } })).resolves.toBe("null");
    await expect(formatted({ format: "text", value: ["a", 1, null, { b: 1 }], text: { separator: " | " } })).resolves.toBe('a | 1 | null | {"b":1}');
    await expect(formatted({ format: "text", value: "a\n" })).resolves.toBe("a\n");
  });

  test("stores a file when told", async () => {
    const files = new MemoryFiles();
    const result = doneOf(await executeNode("format", { format: "csv", value: [{ ä: 1 }], fileName: "a.csv" }, nodeContext({ files })));
    const { file } = Object(result.output);
    expect(file).toMatchObject({ name: "a.csv", mediaType: "text/csv; charset=utf-8" });
    expect(Buffer.from(await files.read(file.fileId)).toString("utf8")).toBe("ä\n1\n");
  });

  test.each<[JsonObject, string]>([
    [{ format: "csv", value: { a: 1 } }, "/value"],
    [{ format: "csv", value: [1] }, "/value"],
    [{ format: "csv", value: [[1], { a: 1 }] }, "/value"],
    [{ format: "xml", value: [1] }, "/value"],
    [{ format: "html", value: { a: 1 } }, "/value"],
    [{ format: "html", value: "x".repeat(1_048_577) }, "/value"],
    [{ format: "json", value: 1, csv: {} }, "/csv"],
    [{ format: "json", value: 1, fileName: "../a" }, "/fileName"],
    [{ format: "csv", value: [], csv: { delimiter: '"' } }, "/csv/delimiter"],
    [{ format: "json" }, "/value"],
  ])("refuses %#", async (params, named) => {
    const error = await nodeErrorOf(formatted(params));
    expect(error).toMatchObject({ errorClass: "DATA", code: "PARAMS_INVALID" });
    expect(error.message).toContain(named);
  });
});
