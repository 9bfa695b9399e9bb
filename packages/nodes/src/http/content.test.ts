import { describe, expect, test } from "vitest";
import { decodeIfText, decodeText, isJsonType, isTextual, mediaTypeOf } from "./content.ts";

describe("media types", () => {
  test("are read without regard to case, with their charset", () => {
    expect(mediaTypeOf('Application/JSON; x=1; Charset="ISO-8859-1"')).toEqual({ essence: "application/json", charset: "ISO-8859-1" });
    expect(mediaTypeOf(undefined)).toEqual({ essence: "", charset: undefined });
    expect(mediaTypeOf("; ;charset")).toEqual({ essence: "", charset: undefined });
  });

  test.each([
    ["application/json", true, true],
    ["application/problem+json", true, true],
    ["text/json", true, true],
    ["text/html", true, false],
    ["image/svg+xml", true, false],
    ["application/x-www-form-urlencoded", true, false],
    ["application/octet-stream", false, false],
    ["image/png", false, false],
    ["application/jsonx", false, false],
    ["", false, false],
  ])("%s: textual %s, JSON %s", (header, textual, json) => {
    const mediaType = mediaTypeOf(header);
    expect([isTextual(mediaType), isJsonType(mediaType)]).toEqual([textual, json]);
  });
});

describe("decoding", () => {
  test("uses the charset, and UTF-8 for one that nobody knows", () => {
    expect(decodeText(Uint8Array.of(0xe9), "iso-8859-1")).toBe("é");
    expect(decodeText(Uint8Array.of(0xc3, 0xa9), "no-such-charset")).toBe("é");
    expect(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe("a");
    expect(decodeText(Uint8Array.of(0xff, 0x61))).toBe("\uFFFDa");
  });

  test("tells text from other bytes", () => {
    expect(decodeIfText(new TextEncoder().encode("é\n\tb"))).toBe("é\n\tb");
    expect(decodeIfText(Uint8Array.of(0xff, 0xfe))).toBeUndefined();
    expect(decodeIfText(Uint8Array.of(0x61, 0x00))).toBeUndefined();
  });
});
