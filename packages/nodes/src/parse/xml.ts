import type { Json } from "@fluxo/core/json";
import { NodeError } from "@fluxo/core/errors/node-error";
import { XMLParser, XMLValidator } from "fast-xml-parser";
import { decodeXmlText } from "./entities.ts";
import { unreadable } from "./unreadable.ts";

/** Most levels of nesting. */
export const XML_DEPTH_MAX = 100;

export interface XmlInput {
  readonly text: string;
  /** Put before the names of attributes. */
  readonly attributePrefix: string;
  /** Elements that are lists also where they stand alone. */
  readonly lists: readonly string[];
}

/** Refuses what a document type declares, and decodes what XML itself knows. */
const entityDecoder = {
  setExternalEntities: (): void => undefined,
  addInputEntities: (): never => {
    throw unreadable("XML that may be read", "it has a document type declaration (DOCTYPE), which is refused");
  },
  reset: (): void => undefined,
  decode: decodeXmlText,
  setXmlVersion: (): void => undefined,
};

/**
 * Reads XML without document type and entities: `{ root: … }`. An element without attributes and elements is its text; any other an object of its attributes, its
 * elements by name, and its text under `#text`.
 * @throws NodeError DATA_UNREADABLE; DATA_TOO_LARGE when it is nested too deep
 */
export function readXml({ text, attributePrefix, lists }: XmlInput): Json {
  // Before the check, which takes the declaration for granted.
  const value = parse(text, attributePrefix, new Set(lists));
  const checked = XMLValidator.validate(text.replace(/^\uFEFF/, ""));
  if (checked !== true) {
    throw unreadable("well-formed XML", `see line ${checked.err.line}, column ${checked.err.col}`);
  }
  if (typeof value !== "object" || value === null || Object.keys(value).length !== 1) {
    throw unreadable("well-formed XML", "it must have one root element");
  }
  return value;
}

function parse(text: string, attributeNamePrefix: string, lists: ReadonlySet<string>): Json {
  const parser = new XMLParser({
    attributeNamePrefix,
    ignoreAttributes: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: true,
    // Needed for the decoder to be asked at all; it knows no entity of the document's own.
    processEntities: true,
    entityDecoder,
    maxNestedTags: XML_DEPTH_MAX,
    jPath: false,
    isArray: (name, _path, _isLeaf, isAttribute) => !isAttribute && lists.has(name),
    onDangerousProperty: (name) => name,
  });
  try {
    const value: Json = parser.parse(text.replace(/^\uFEFF/, ""));
    return value;
  } catch (error) {
    throw failureOf(error);
  }
}

/** The library's messages quote the text. */
function failureOf(error: unknown): unknown {
  if (error instanceof NodeError || error instanceof RangeError || !(error instanceof Error)) {
    return error;
  }
  if (error.message === "Maximum nested tags exceeded") {
    return new NodeError(`The XML is nested deeper than ${XML_DEPTH_MAX} levels.`, { errorClass: "DATA", code: "DATA_TOO_LARGE" });
  }
  return unreadable("XML that may be read", error.message.startsWith("[SECURITY]") ? "an element or attribute has a reserved name" : "it is not well-formed");
}
