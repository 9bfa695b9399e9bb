import { Marked } from "marked";
import sanitizeHtml from "sanitize-html";

const ALLOWED: sanitizeHtml.IOptions = {
  allowedTags: [
    ...["h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code", "em", "strong", "del", "sub", "sup"],
    ...["ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "a", "img"],
  ],
  allowedAttributes: { a: ["href", "title", "rel"], img: ["src", "alt", "title"], th: ["align"], td: ["align"], ol: ["start"] },
  allowedClasses: { code: ["language-*"] },
  allowedSchemes: ["http", "https", "mailto", "tel"],
  allowedSchemesByTag: { img: ["http", "https", "cid"] },
  allowProtocolRelative: false,
  transformTags: { a: sanitizeHtml.simpleTransform("a", { rel: "noopener noreferrer nofollow" }, true) },
  nestingLimit: 100,
};

/** HTML of Markdown (GitHub's flavor), cleaned: no scripts, styles, frames, forms, handlers or other schemes, wherever they come from. */
export function writeMarkdown({ text }: { readonly text: string }): string {
  const html = new Marked({ gfm: true, async: false }).parse(text, { async: false });
  return sanitizeHtml(html, ALLOWED);
}
