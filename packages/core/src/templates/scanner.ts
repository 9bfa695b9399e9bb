import { NodeError } from "../errors/node-error.ts";

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["'", "'"],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

const BACKSLASH = 0x5c;

/** Digits of an index; more would not be exact, and no array is that long. */
const MAX_INDEX_DIGITS = 9;

/** Reads the tokens of the template language from left to right. Each character is looked at a bounded number of times. */
export class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get position(): number {
    return this.#position;
  }

  isAtEnd(): boolean {
    return this.#position === this.#text.length;
  }

  /** The error that says what is wrong, and where (characters are counted from 1). */
  problem(message: string, position = this.#position): NodeError {
    return new NodeError(`The template cannot be read at character ${position + 1}: ${message}.`, { errorClass: "DATA", code: "TEMPLATE_SYNTAX" });
  }

  /** Text up to `token`, or to the end. */
  takeUntil(token: string): string {
    const end = this.#text.indexOf(token, this.#position);
    return this.#takeTo(end === -1 ? this.#text.length : end);
  }

  /** Whether `token` stands here; if so it is read. */
  take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#position)) {
      return false;
    }
    this.#position += token.length;
    return true;
  }

  skipSpace(): void {
    this.#takeWhile(isSpace);
  }

  /** A name: a letter or `_`, then letters, digits, `_`, `-`; empty when there is none. */
  takeWord(): string {
    return isWordStart(this.#code()) ? this.takeKey() : "";
  }

  /** Letters, digits, `_`, `-`; empty when there are none. */
  takeKey(): string {
    return this.#takeWhile(isKeyPart);
  }

  /** Digits of an array index. @throws NodeError when there are too many. */
  takeIndex(): number | undefined {
    const start = this.#position;
    const digits = this.#takeWhile(isDigit);
    if (digits.length > MAX_INDEX_DIGITS) {
      throw this.problem("the index is too large", start);
    }
    return digits === "" ? undefined : Number(digits);
  }

  /** A number as JSON writes it; undefined when none begins here. @throws NodeError when it breaks off or is too large. */
  takeNumber(): number | undefined {
    const start = this.#position;
    if (this.#text[start] !== "-" && !isDigit(this.#code())) {
      return undefined;
    }
    this.take("-");
    this.#takeDigits();
    if (this.take(".")) {
      this.#takeDigits();
    }
    if (this.take("e") || this.take("E")) {
      if (!this.take("-")) {
        this.take("+");
      }
      this.#takeDigits();
    }
    const number = Number(this.#text.slice(start, this.#position));
    if (!Number.isFinite(number)) {
      throw this.problem("the number is too large", start);
    }
    return number;
  }

  /** A text in single or double quotes; undefined when none begins here. @throws NodeError when it is not closed or no valid text. */
  takeString(): string | undefined {
    const start = this.#position;
    const quote = this.#text[start];
    if (quote !== '"' && quote !== "'") {
      return undefined;
    }
    this.#position += 1;
    const pieces: string[] = [];
    for (;;) {
      pieces.push(this.#takeWhile((code) => code !== quote.charCodeAt(0) && code !== BACKSLASH));
      if (this.take(quote)) {
        return this.#checkText(pieces.join(""), start);
      }
      if (!this.take("\\")) {
        throw this.problem("the text is not closed", start);
      }
      pieces.push(this.#takeEscape());
    }
  }

  #takeEscape(): string {
    const start = this.#position - 1;
    const letter = this.#text[this.#position] ?? "";
    this.#position += letter.length;
    const plain = ESCAPES.get(letter);
    if (plain !== undefined) {
      return plain;
    }
    const hex = this.#text.slice(this.#position, this.#position + 4);
    if (letter !== "u" || !/^[0-9A-Fa-f]{4}$/.test(hex)) {
      throw this.problem('after "\\" only a quote, \\, /, b, f, n, r, t or u and four hexadecimal digits may follow', start);
    }
    this.#position += 4;
    return String.fromCharCode(Number.parseInt(hex, 16));
  }

  /** Half characters and U+0000 cannot be stored, so they are refused where they are written. */
  #checkText(text: string, start: number): string {
    if (!text.isWellFormed() || text.includes("\0")) {
      throw this.problem("the text holds a character that does not exist", start);
    }
    return text;
  }

  #takeDigits(): void {
    if (this.#takeWhile(isDigit) === "") {
      throw this.problem("expected a digit");
    }
  }

  #takeWhile(accepts: (code: number) => boolean): string {
    let end = this.#position;
    while (end < this.#text.length && accepts(this.#text.charCodeAt(end))) {
      end += 1;
    }
    return this.#takeTo(end);
  }

  #takeTo(end: number): string {
    const taken = this.#text.slice(this.#position, end);
    this.#position = end;
    return taken;
  }

  /** The code unit here; NaN at the end. */
  #code(): number {
    return this.#text.charCodeAt(this.#position);
  }
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0xa0 || (code >= 0x09 && code <= 0x0d);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isWordStart(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || code === 0x5f;
}

function isKeyPart(code: number): boolean {
  return isWordStart(code) || isDigit(code) || code === 0x2d;
}
