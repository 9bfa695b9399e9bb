import type { Json } from "../json.ts";

/** What stands where a secret was. */
const REDACTED = "[redacted]";
/** Shorter values are left alone: they would turn up everywhere by chance. */
export const SECRET_LENGTH_MIN = 6;
/** The part of a base64 text that no neighbor of the secret can change, when it is long enough to tell anything. */
const BASE64_LENGTH_MIN = 6;

/**
 * Takes the values of opened secrets out of whatever a node leaves behind: each value as it is, JSON-escaped, HTML-escaped, URL-encoded (also as in forms),
 * in hex, and in base64 and base64url at any place of a longer text (`user:password` of Basic authentication, the frames of SASL).
 */
export class Redactor {
  readonly #values = new Set<string>();
  #pattern: RegExp | undefined;

  /** From now on these values are redacted. */
  add(values: readonly string[]): void {
    for (const value of values) {
      if (value.length >= SECRET_LENGTH_MIN) this.#values.add(value);
    }
    this.#pattern = this.#values.size === 0 ? undefined : patternOf([...this.#values].flatMap(formsOf));
  }

  /** Whether there is anything to look for. */
  get isEmpty(): boolean {
    return this.#pattern === undefined;
  }

  text(text: string): string {
    return this.#pattern === undefined ? text : text.replaceAll(this.#pattern, REDACTED);
  }

  /** A message or a stack: what quotes others is often cut, and so may be a secret at the end of a line or before an ellipsis. */
  message(text: string): string {
    if (this.#pattern === undefined) return text;
    const forms = [...this.#values].flatMap(formsOf);
    return this.text(text).replaceAll(/[^\n…]+/g, (part) => forms.reduce(withoutBeginningOf, part));
  }

  /** Text in keys and values of any depth, and numbers that are a secret. */
  json(value: Json): Json {
    if (this.#pattern === undefined) return value;
    if (typeof value === "string") return this.text(value);
    if (typeof value === "number") return this.#values.has(String(value)) ? REDACTED : value;
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, inner]) => [this.text(key), this.json(inner)]));
    return value;
  }

  /** The UTF-8 bytes of secrets within any content. */
  bytes(content: Uint8Array): Uint8Array {
    if (this.#pattern === undefined) return content;
    // One character per byte: what is no secret survives as it is.
    const pattern = patternOf([...this.#values].flatMap(formsOf).map((form) => Buffer.from(form, "utf8").toString("latin1")));
    const text = Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString("latin1");
    const cleaned = text.replaceAll(pattern, REDACTED);
    return cleaned === text ? content : Buffer.from(cleaned, "latin1");
  }
}

/** Without what is the beginning of `form` at the end of `text`. */
function withoutBeginningOf(text: string, form: string): string {
  const mark = form.slice(0, SECRET_LENGTH_MIN);
  for (let index = text.indexOf(mark, Math.max(0, text.length - form.length)); index >= 0; index = text.indexOf(mark, index + 1)) {
    if (form.startsWith(text.slice(index))) return `${text.slice(0, index)}${REDACTED}`;
  }
  return text;
}

/** The longest first, so that no form is replaced within another one. */
function patternOf(forms: readonly string[]): RegExp {
  const ordered = [...new Set(forms)].toSorted((left, right) => right.length - left.length);
  return new RegExp(ordered.map((form) => form.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)).join("|"), "g");
}

function formsOf(value: string): string[] {
  const encoded = encodeURIComponent(value.toWellFormed());
  const strict = encoded.replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const form = new URLSearchParams({ v: value }).toString().slice(2);
  const bytes = Buffer.from(value, "utf8");
  const json = JSON.stringify(value).slice(1, -1);
  return [
    value,
    json,
    JSON.stringify(json).slice(1, -1),
    json.replaceAll("/", String.raw`\/`),
    value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;"),
    ...[encoded, strict, form, form.replaceAll("+", "%20")].flatMap((text) => [text, text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    bytes.toString("base64"),
    ...base64FormsOf(bytes),
    ...(json === value ? [] : base64FormsOf(Buffer.from(json, "utf8"))),
    // Basic authentication of OAuth clients encodes twice (RFC 6749, 2.3.1).
    ...(encoded === value ? [] : base64FormsOf(Buffer.from(encoded, "utf8"))),
  ];
}

/** What a base64 text holds of these bytes when 0, 1 or 2 bytes of something else precede them in their group of three. */
function base64FormsOf(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64").replace(/=+$/, "");
    // The first characters also hold bits of what precedes, the last one of what follows.
    const start = offset === 0 ? 0 : offset + 1;
    const isWhole = (offset + bytes.length) % 3 === 0;
    const core = encoded.slice(start, isWhole ? undefined : -1);
    return core.length < BASE64_LENGTH_MIN ? [] : [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}
