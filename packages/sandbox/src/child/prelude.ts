/**
 * JavaScript that runs inside of QuickJS before any stranger's code, in the same place as it: it guards nothing, it only turns values into texts. What it
 * uses is taken before a stranger can replace it. Gives the functions that the engine calls; `log` is the engine's.
 */
export const PRELUDE = String.raw`(function (log, random, messageLengthMax, lineLengthMax) {
  "use strict";
  const { parse, stringify } = JSON;
  const { isFinite } = Number;
  const text = String;
  const { apply } = Reflect;
  const { then } = Promise.prototype;
  const { slice } = String.prototype;
  const PromiseOfOurs = Promise;
  Math.random = random;

  const cut = (value, length) => apply(slice, value, [0, length]);
  const shown = (value) => {
    try {
      return typeof value === "object" && value !== null && !(value instanceof Error) ? text(stringify(value)) : text(value);
    } catch {
      return "[a value without a text]";
    }
  };
  const print = (...values) => {
    let line = "";
    for (let index = 0; index < values.length && line.length < lineLengthMax; index += 1) line += (index === 0 ? "" : " ") + shown(values[index]);
    log(cut(line, lineLengthMax));
  };
  globalThis.console = { debug: print, error: print, info: print, log: print, warn: print };

  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  globalThis.btoa = function btoa(value) {
    const bytes = text(value);
    let result = "";
    for (let index = 0; index < bytes.length; index += 3) {
      const [a, b, c] = [bytes.charCodeAt(index), bytes.charCodeAt(index + 1), bytes.charCodeAt(index + 2)];
      if (a > 255 || b > 255 || c > 255) throw new RangeError("btoa takes characters up to U+00FF");
      result += ALPHABET[a >> 2] + ALPHABET[((a & 3) << 4) | (b >> 4)] + (index + 1 < bytes.length ? ALPHABET[((b & 15) << 2) | (c >> 6)] : "=") + (index + 2 < bytes.length ? ALPHABET[c & 63] : "=");
    }
    return result;
  };
  globalThis.atob = function atob(value) {
    const letters = text(value).replace(/[\t\n\f\r ]/g, "").replace(/={1,2}$/, "");
    let [result, bits, held] = ["", 0, 0];
    for (let index = 0; index < letters.length; index += 1) {
      const six = ALPHABET.indexOf(letters[index]);
      if (six < 0) throw new SyntaxError("atob takes base64");
      held = ((held << 6) | six) & 0xffff;
      bits += 6;
      if (bits >= 8) {
        bits -= 8;
        result += text.fromCharCode((held >> bits) & 255);
      }
    }
    return result;
  };

  const finite = (key, value) => {
    if (typeof value === "number" && !isFinite(value)) throw new TypeError("The member " + stringify(key) + " of the result is " + value + ", which JSON cannot carry");
    return value;
  };
  const toText = (value) => {
    const json = stringify(value, finite);
    return json === undefined ? "null" : json;
  };
  const described = (error) => {
    const is = typeof error === "object" && error !== null;
    const read = (name) => {
      try {
        const value = is ? error[name] : undefined;
        return value === undefined ? undefined : cut(text(value), messageLengthMax);
      } catch {
        return undefined;
      }
    };
    return stringify({ name: read("name"), message: is ? (read("message") ?? "") : cut(shown(error), messageLengthMax), stack: read("stack"), code: read("code"), position: read("position") });
  };

  let outcome;
  return {
    /** Calls the function and gives its result as JSON, or nothing when it will come later. */
    start(fn, input) {
      outcome = undefined;
      const value = fn(parse(input));
      if (!(value instanceof PromiseOfOurs)) return toText(value);
      apply(then, value, [(result) => {
        try {
          outcome = { text: toText(result) };
        } catch (error) {
          outcome = { error };
        }
      }, (error) => {
        outcome = { error };
      }]);
      return undefined;
    },
    /** The result that came later as JSON; throws what the promise was rejected with; nothing when it has not come. */
    finish() {
      if (outcome === undefined) return undefined;
      if ("error" in outcome) throw outcome.error;
      return outcome.text;
    },
    described,
  };
})`;

/** Around the text of the jsonata package, which then takes its base64 from here. Gives a function that makes a function of an expression. */
export function jsonataLoader(packageText: string): string {
  return `(function (window) {
    const module = { exports: {} };
    const exports = module.exports;
    (function () {
      const define = undefined;
      ${packageText}
    }).call(undefined);
    const jsonata = module.exports;
    return (expression) => {
      const parsed = jsonata(expression);
      return (input) => parsed.evaluate(input);
    };
  })({ atob: globalThis.atob, btoa: globalThis.btoa })`;
}
