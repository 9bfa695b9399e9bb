import type { Json, JsonObject } from "@fluxo/core/json";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { doneOf } from "../testing/done.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { MemoryFiles } from "../testing/memory-files.ts";
import { nodeContext } from "../testing/node-context.ts";

async function parsed(params: JsonObject, files = new MemoryFiles()): Promise<Json> {
  return Object(doneOf(await executeNode("parse", params, nodeContext({ files }))).output).data;
}

async function refusal(params: JsonObject): Promise<{ code: string; message: string }> {
  const error = await nodeErrorOf(parsed(params));
  expect(error.errorClass).toBe("DATA");
  return { code: error.code, message: error.message };
}

describe("parse json", () => {
  test("reads what JSON writes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ noUnicodeString: false }), async (value) => {
        const text = JSON.stringify(value);
        await expect(parsed({ format: "json", text, dangerousKeys: "drop" })).resolves.toEqual(without(JSON.parse(text)));
      }),
    );
  });

  test.each(['{"__proto__":{"polluted":1}}', '[{"a":{"constructor":{"prototype":{"polluted":1}}}}]', '{"a":[[{"prototype":0}]]}'])("refuses or drops the dangerous keys of %s", async (text) => {
    const { code, message } = await refusal({ format: "json", text });
    expect(code).toBe("DATA_UNREADABLE");
    expect(message).toContain("reserved");
    const value = await parsed({ format: "json", text, dangerousKeys: "drop" });
    expect(JSON.stringify(value)).not.toMatch(/__proto__|constructor|prototype/);
    expect(Object({}).polluted).toBeUndefined();
  });

  test.each(["", "{", "[1,]", "{'a':1}", "NaN", "1 hidden", '{"password": hidden}', "\u0000"])("refuses %j without quoting it", async (text) => {
    const { code, message } = await refusal({ format: "json", text });
    expect(code).toBe("DATA_UNREADABLE");
    expect(message).not.toContain("hidden");
  });

  test("names the line", async () => {
    expect((await refusal({ format: "json", text: '{\n "a": 1,\n "b" 2\n}' })).message).toContain("line 3 column");
  });

  test("bounds the depth: a million levels, of lists and of objects", async () => {
    expect((await refusal({ format: "json", text: "[".repeat(1_000_000) + "]".repeat(1_000_000) })).code).toBe("DATA_TOO_LARGE");
    expect((await refusal({ format: "json", text: '{"a":'.repeat(200_000) + "1" + "}".repeat(200_000) })).code).toBe("DATA_TOO_LARGE");
    expect((await refusal({ format: "json", text: "[".repeat(1_000_000) })).code).toBe("DATA_UNREADABLE");
  });

  test("a number that no double can carry is refused as the output that it would be", async () => {
    await expect(parsed({ format: "json", text: "1e400" })).rejects.toMatchObject({ code: expect.stringMatching(/DATA_UNREADABLE|OUTPUT_INVALID/) });
  });
});

describe("parse csv", () => {
  test("reads quotes, line breaks, both line ends and a byte order mark", async () => {
    const text = '\uFEFFa,"b c",d\r\n1,"x ""y""\n, z",\r\n\r\n2,,3';
    await expect(parsed({ format: "csv", text })).resolves.toEqual([{ a: "1", "b c": 'x "y"\n, z', d: "" }, { a: "2", "b c": "", d: "3" }]);
    await expect(parsed({ format: "csv", text: "1;'a;b'\n", csv: { hasHeader: false, delimiter: ";", quote: "'" } })).resolves.toEqual([["1", "a;b"]]);
    await expect(parsed({ format: "csv", text: "", csv: {} })).resolves.toEqual([]);
    await expect(parsed({ format: "csv", text: "a,b\n" })).resolves.toEqual([]);
    await expect(parsed({ format: "csv", text: "a , b\n 1 , 2 \n", csv: { trim: true } })).resolves.toEqual([{ a: "1", b: "2" }]);
  });

  test("gives every column a name of its own", async () => {
    await expect(parsed({ format: "csv", text: "a,,a,a_2,a\n1,2,3,4,5" })).resolves.toEqual([{ a: "1", column2: "2", a_2: "3", a_2_2: "4", a_3: "5" }]);
  });

  test.each([
    ["a,b\n1,2\n1,hidden,3", "DATA_UNREADABLE", "line 3"],
    ['a,b\n1,"hidden', "DATA_UNREADABLE", "a quote is not closed"],
    ['a,b\n1,hidden"x', "DATA_UNREADABLE", "a quote stands where none may be"],
    ['a,b\n1,"hid"den', "DATA_UNREADABLE", "a quote stands where none may be"],
    ["a,__proto__\n1,2", "DATA_UNREADABLE", "column 2 is named __proto__"],
    ["constructor\n1", "DATA_UNREADABLE", "column 1 is named constructor"],
    [`${"a,".repeat(200)}a\n`, "DATA_TOO_LARGE", "200 columns"],
    [`a\n${"1\n".repeat(10_001)}`, "DATA_TOO_LARGE", "10000 rows"],
  ])("refuses %#: names the place and never the text", async (text, code, named) => {
    const refused = await refusal({ format: "csv", text });
    expect(refused.code).toBe(code);
    expect(refused.message).toContain(named);
    expect(refused.message).not.toContain("hidden");
  });

  test("takes as many rows as it may, in a thread as at once", async () => {
    await expect(parsed({ format: "csv", text: `a\n${"1\n".repeat(10_000)}` })).resolves.toHaveLength(10_000);
  });
});

describe("parse xml", () => {
  test("gives texts, attributes, lists and mixed content a place that can be foreseen", async () => {
    const text = `\uFEFF<?xml version="1.0"?><!-- c --><r a="1 &lt; 2" ns:b=""><e>1</e><e x="y">t</e><n/><one><f>007</f></one><c><![CDATA[<b>&amp;]]></c>tail &#x1F600;&#65;</r>`;
    await expect(parsed({ format: "xml", text, xml: { lists: ["f"] } })).resolves.toEqual({
      r: { "@a": "1 < 2", "@ns:b": "", e: ["1", { "@x": "y", "#text": "t" }], n: "", one: { f: ["007"] }, c: "<b>&amp;", "#text": "tail 😀A" },
    });
    await expect(parsed({ format: "xml", text: '<r a="1"/>', xml: { attributePrefix: "_" } })).resolves.toEqual({ r: { _a: "1" } });
  });

  test("reads references once only", async () => {
    await expect(parsed({ format: "xml", text: "<r>&amp;lt;&amp;amp;#65;</r>" })).resolves.toEqual({ r: "&lt;&amp;#65;" });
  });

  const LAUGHS = `<!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from({ length: 9 }, (_, index) => `<!ENTITY lol${index + 1} "${`&lol${index || ""};`.repeat(10)}">`).join("")}]><r>&lol9;</r>`;
  test.each([
    ["a billion laughs", LAUGHS],
    ["a quadratic blow-up", `<!DOCTYPE r [<!ENTITY a "${"a".repeat(50_000)}">]><r>${"&a;".repeat(50_000)}</r>`],
    ["an external entity", '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'],
    ["a parameter entity", '<!DOCTYPE r [<!ENTITY % x SYSTEM "http://169.254.169.254/">%x;]><r/>'],
    ["an external document type", '<!DOCTYPE r SYSTEM "http://169.254.169.254/x.dtd"><r/>'],
    ["a document type alone", "<!DOCTYPE r><r/>"],
    ["an unknown entity", "<r>&nbsp;</r>"],
    ["an unknown entity of an attribute", '<r a="&x;"/>'],
    ["a reference that does not end", "<r>a & b</r>"],
    ["a character that XML has not", "<r>&#0;</r>"],
    ["a character beyond all", "<r>&#x110000;</r>"],
    ["a dangerous element", "<r><__proto__><polluted>1</polluted></__proto__></r>"],
    ["a dangerous element named constructor", "<constructor><prototype/></constructor>"],
    ["elements that cross", "<r><a><b></a></b></r>"],
    ["an element that does not end", "<r><a>hidden</r>"],
    ["two roots", "<a/><b/>"],
    ["no root", "hidden"],
    ["nothing", ""],
    ["an attribute without quotes", "<r a=hidden/>"],
    ["an attribute twice", '<r a="1" a="2"/>'],
    ["many openings", "<".repeat(100_000)],
    ["many open comments", "<!--".repeat(50_000)],
    ["many open quotes", "<a b='".repeat(50_000)],
    ["many open CDATA", `<r>${"<![CDATA[".repeat(50_000)}`],
  ])("refuses %s", async (_what, text) => {
    const startedAt = performance.now();
    const { code, message } = await refusal({ format: "xml", text });
    expect(code).toBe("DATA_UNREADABLE");
    expect(message).not.toMatch(/hidden|lol|passwd/);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });

  test("bounds the depth", async () => {
    const nested = (levels: number): string => "<a>".repeat(levels) + "</a>".repeat(levels);
    await expect(parsed({ format: "xml", text: nested(100) })).resolves.toBeDefined();
    for (const levels of [150, 300_000]) expect((await refusal({ format: "xml", text: nested(levels) })).code).toBe("DATA_TOO_LARGE");
  });

  test("keeps elements named like members of every object as what they are", async () => {
    await expect(parsed({ format: "xml", text: "<r><toString>a</toString><hasOwnProperty/></r>" })).resolves.toEqual({ r: { toString: "a", hasOwnProperty: "" } });
  });
});

describe("parse html", () => {
  const text = '<title>T</title><ul><li>one <b>&amp;</b>\n two</li><li data-x="2">three</li></ul><script>document.title = "x"</script><a href="javascript:x">l</a>';

  test("takes texts, inner HTML and attributes, the first or all", async () => {
    const fields = [
      { name: "title", selector: "title" },
      { name: "items", selector: "ul > li", all: true },
      { name: "inner", selector: "li:nth-child(1)", take: "html" },
      { name: "x", selector: "li", take: "attribute", attribute: "data-x", all: true },
      { name: "none", selector: "h1" },
      { name: "noneOfAll", selector: "h1", all: true },
      { name: "link", selector: 'a[href^="javascript"]', take: "attribute", attribute: "href" },
    ];
    await expect(parsed({ format: "html", text, fields })).resolves.toEqual({
      ...{ title: "T", items: ["one & two", "three"], inner: "one <b>&amp;</b>\n two", x: [null, "2"], none: null, noneOfAll: [], link: "javascript:x" },
    });
  });

  test("refuses a selector that is none, and names it", async () => {
    for (const selector of ["li:unknown(", "[", ">>", ":nope"]) {
      const refused = await refusal({ format: "html", text, fields: [{ name: "a", selector: "li" }, { name: "b", selector }] });
      expect(refused).toEqual({ code: "PARAMS_INVALID", message: "/fields/1/selector must be a CSS selector." });
    }
  });

  test.each([
    ["deep elements", "<div>".repeat(50_000)],
    ["deep formatting", "<b>".repeat(50_000)],
    ["deep tables", "<a><table>".repeat(20_000)],
    ["many openings", "<".repeat(200_000)],
    ["many attributes", `<div ${"a=b ".repeat(50_000)}>`],
    ["entities without end", "&".repeat(200_000)],
  ])("ends with hostile HTML in time: %s", async (_what, hostile) => {
    const outcome = await parsed({ format: "html", text: hostile, fields: [{ name: "a", selector: "div a b" }, { name: "all", selector: "*", take: "html", all: true }] }).catch((error: unknown) => error);
    expect(outcome === undefined).toBe(false);
    if (outcome instanceof Error) expect(outcome).toMatchObject({ errorClass: "DATA", code: expect.stringMatching(/DATA_TOO_LARGE|OUTPUT_TOO_LARGE/) });
  });
});

describe("parse", () => {
  test("reads files in UTF-8, with a byte order mark or without", async () => {
    const files = new MemoryFiles();
    const save = (content: Uint8Array): Promise<object> => files.save({ name: "a.csv", mediaType: "text/csv", content });
    for (const mark of ["", "\uFEFF"]) {
      const file = { ...(await save(Buffer.from(`${mark}ä\n1`))) };
      await expect(parsed({ format: "csv", file }, files)).resolves.toEqual([{ ä: "1" }]);
    }
    const binary = { ...(await save(Uint8Array.from([0xff, 0xfe, 0x41, 0x00]))) };
    await expect(parsed({ format: "csv", file: binary }, files)).rejects.toMatchObject({ code: "DATA_UNREADABLE" });
    const large = { ...(await save(new Uint8Array(5_242_881))) };
    await expect(parsed({ format: "csv", file: large }, files)).rejects.toMatchObject({ code: "DATA_TOO_LARGE" });
    await expect(parsed({ format: "csv", file: { ...large, bytes: 1 } }, files)).rejects.toMatchObject({ code: "DATA_TOO_LARGE" });
  });

  test.each<[JsonObject, string]>([
    [{ format: "json" }, "/text"],
    [{ format: "json", text: "1", file: {} }, "/file"],
    [{ format: "yaml", text: "1" }, "/format"],
    [{ format: "json", text: "1", csv: {} }, "/csv"],
    [{ format: "html", text: "1" }, "/fields"],
    [{ format: "json", text: "1", fields: [{ name: "a", selector: "a" }] }, "/fields"],
    [{ format: "html", text: "1", fields: [{ name: "__proto__", selector: "a" }] }, "/fields/0/name"],
    [{ format: "html", text: "1", fields: [{ name: "a", selector: "a", take: "attribute" }] }, "/fields/0"],
    [{ format: "csv", text: "1", csv: { delimiter: '"' } }, "/csv"],
    [{ format: "csv", text: "1", csv: { delimiter: "\n" } }, "/csv"],
    [{ format: "csv", text: "1", csv: { rowsMax: 100_001 } }, "/csv/rowsMax"],
    [{ format: "json", text: "x".repeat(5_242_881) }, "/text"],
  ])("refuses parameters that do not fit: %#", async (params, named) => {
    const refused = await refusal(params);
    expect(refused.code).toBe("PARAMS_INVALID");
    expect(refused.message).toContain(named);
  });

  test("stops when its signal aborts", async () => {
    const controller = new AbortController();
    const reason = new Error("canceled");
    const attempt = executeNode("parse", { format: "csv", text: `a\n${"1\n".repeat(9_000)}` }, nodeContext({ signal: controller.signal }));
    controller.abort(reason);
    await expect(attempt).rejects.toBe(reason);
  });
});

function without(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(without);
  return Object.fromEntries(Object.entries(value).filter(([key]) => !["__proto__", "constructor", "prototype"].includes(key)).map(([key, member]) => [key, without(member)]));
}
