import type { Json, JsonObject } from "@fluxo/core/json";
import { NodeError } from "@fluxo/core/errors/node-error";
import { load, type CheerioAPI } from "cheerio/slim";

export interface HtmlField {
  readonly name: string;
  readonly selector: string;
  readonly take: "text" | "html" | "attribute";
  readonly attribute: string | null;
  readonly all: boolean;
}

/** Most elements that one field takes. */
export const MATCHES_MAX = 10_000;

/** Takes pieces out of HTML, by CSS selectors. Nothing of the page is run or fetched. @throws NodeError PARAMS_INVALID for a selector that is none */
export function readHtml({ text, fields }: { readonly text: string; readonly fields: readonly HtmlField[] }): JsonObject {
  const page = load(text);
  return Object.fromEntries(fields.map((field, index) => [field.name, valueOf(page, field, index)]));
}

function valueOf(page: CheerioAPI, { selector, take, attribute, all }: HtmlField, index: number): Json {
  const found = select(page, selector, index).slice(0, all ? MATCHES_MAX : 1);
  const values = found.toArray().map((element): Json => {
    const one = page(element);
    switch (take) {
      case "text":
        return one.text().replaceAll(/\s+/g, " ").trim();
      case "html":
        return one.html() ?? "";
      case "attribute":
        return one.attr(attribute ?? "") ?? null;
      default:
        return take satisfies never;
    }
  });
  return all ? values : (values[0] ?? null);
}

function select(page: CheerioAPI, selector: string, index: number): ReturnType<CheerioAPI> {
  try {
    return page.root().find(selector);
  } catch (error) {
    if (error instanceof RangeError) {
      throw error;
    }
    throw new NodeError(`/fields/${index}/selector must be a CSS selector.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
}
