import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fileRefSchema } from "../ports/files.ts";
import { cleanFileName, cleanMediaType } from "./name.ts";

describe("file names", () => {
  test.each([
    ["report.pdf", "report.pdf"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Users\\ada\\photo.png", "photo.png"],
    ["folder/", "folder"],
    ["a\r\nContent-Type: x", "aContent-Type: x"],
    ["gnp.\u202Eexe", "gnp.exe"],
    ["  Übersicht – März.csv ", "Übersicht – März.csv"],
    [".env", ".env"],
    ["", "file"],
    ["..", "file"],
    ["/", "file"],
    ["\u0000", "file"],
  ])("%j becomes %j", (given, name) => {
    expect(cleanFileName(given)).toBe(name);
  });

  test("whatever the name was, the result is one that a reference may hold, and cleaning it again changes nothing", () => {
    const text = fc.oneof(fc.string({ unit: "binary", maxLength: 600 }), fc.string({ maxLength: 20 }));
    fc.assert(
      fc.property(text, (given) => {
        const name = cleanFileName(given);
        expect(fileRefSchema.shape.name.safeParse(name).success).toBe(true);
        expect(name).not.toMatch(/[/\\\p{Cc}]/u);
        expect(name.isWellFormed()).toBe(true);
        expect(cleanFileName(name)).toBe(name);
      }),
    );
  });
});

test.each([
  ["application/pdf", "application/pdf"],
  ["Text/HTML; charset=UTF-8", "text/html; charset=UTF-8"],
  ['multipart/form-data; boundary="a b"', 'multipart/form-data; boundary="a b"'],
  ["text/plain; x=\r\nSet-Cookie: a", "text/plain"],
  ["nonsense", "application/octet-stream"],
  ["text/plain\r\nX: y", "application/octet-stream"],
  ["", "application/octet-stream"],
  [`text/${"x".repeat(300)}`, "application/octet-stream"],
])("the media type %j becomes %j", (given, mediaType) => {
  expect(cleanMediaType(given)).toBe(mediaType);
});
