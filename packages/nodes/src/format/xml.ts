import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import { isXmlCharacter } from "../parse/entities.ts";
import { isJsonObject } from "../schemas/json.ts";

export interface XmlOutput {
  readonly value: JsonObject;
  readonly attributePrefix: string;
  readonly pretty: boolean;
}

/** A name of XML, of the letters that every parser takes. */
const NAME = /^[A-Za-z_][\w.-]{0,127}(?::[A-Za-z_][\w.-]{0,127})?$/;

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ['"', "&quot;"],
  ["'", "&apos;"],
  ["\t", "&#9;"],
  ["\n", "&#10;"],
  ["\r", "&#13;"],
]);

const TEXT_NAME = "#text";

interface Style {
  readonly attributePrefix: string;
  /** Put before every element, with the depth; empty when not pretty. */
  readonly lineAt: (depth: number) => string;
}

/** Writes what `readXml` reads: one root, attributes by their prefix, lists as repeated elements, `#text`. @throws NodeError PARAMS_INVALID for names and characters that XML does not have */
export function writeXml({ value, attributePrefix, pretty }: XmlOutput): string {
  const [root, ...others] = Object.entries(value);
  if (root === undefined || others.length > 0 || Array.isArray(root[1])) {
    throw refused("value must have one member, the root element");
  }
  const style: Style = { attributePrefix, lineAt: (depth) => (pretty ? `\n${"  ".repeat(depth)}` : "") };
  return `<?xml version="1.0" encoding="UTF-8"?>${pretty ? "" : "\n"}${elementOf(root[0], root[1], 0, style)}\n`;
}

/** Recurses no deeper than a value may be nested. */
function elementOf(name: string, value: Json, depth: number, style: Style): string {
  if (!NAME.test(name)) {
    throw refused(`a member at level ${depth + 1} has a name that no element may have`);
  }
  const open = `${style.lineAt(depth)}<${name}`;
  if (!isJsonObject(value)) {
    const text = escaped(Array.isArray(value) ? JSON.stringify(value) : value);
    return text === "" ? `${open}/>` : `${open}>${text}</${name}>`;
  }
  const attributes: string[] = [];
  const inner: string[] = [];
  let text = "";
  for (const [key, member] of Object.entries(value)) {
    if (key === TEXT_NAME) {
      text = escaped(member);
    } else if (key.startsWith(style.attributePrefix)) {
      attributes.push(` ${attributeName(key.slice(style.attributePrefix.length), depth)}="${escaped(member)}"`);
    } else {
      inner.push(...(Array.isArray(member) ? member : [member]).map((one) => elementOf(key, one, depth + 1, style)));
    }
  }
  const content = text + inner.join("");
  return `${open}${attributes.join("")}${content === "" ? "/>" : `>${content}${inner.length > 0 ? style.lineAt(depth) : ""}</${name}>`}`;
}

function attributeName(name: string, depth: number): string {
  if (!NAME.test(name)) {
    throw refused(`a member at level ${depth + 2} has a name that no attribute may have`);
  }
  return name;
}

function escaped(value: Json): string {
  const text = value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  let written = "";
  for (const character of text) {
    if (!isXmlCharacter(character.codePointAt(0) ?? 0)) {
      throw refused("a text has a character that XML cannot carry");
    }
    written += ESCAPES.get(character) ?? character;
  }
  return written;
}

function refused(reason: string): NodeError {
  return new NodeError(`The value cannot be written as XML: ${reason}.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
}
