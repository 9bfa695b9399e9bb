import { createHash } from "node:crypto";
import type { Response } from "express";

/** A page for people: texts, which are escaped here, and at most one thing to do. */
export interface Page {
  readonly heading: string;
  readonly paragraphs: readonly string[];
  readonly action?: { readonly kind: "link" | "form"; readonly to: string; readonly label: string } | undefined;
  /** What to tell support. */
  readonly reference?: readonly { readonly name: string; readonly value: string }[];
}

/** System colors follow the person's own settings: light, dark, or forced ones. */
const STYLE = `:root{color-scheme:light dark;font:100%/1.6 system-ui,sans-serif;background:Canvas;color:CanvasText}
body{margin:0}
main{max-width:36rem;margin:0 auto;padding:3rem 1.5rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 1rem}
p{margin:0 0 1rem}
dl{margin:2rem 0 0;padding:1rem 0 0;border-top:1px solid GrayText;font-size:.9rem}
dt{font-weight:600}
dd{margin:0 0 .75rem;font-family:ui-monospace,monospace;overflow-wrap:anywhere}
a.action,button{display:inline-block;margin:.5rem 0 0;padding:.6rem 1.2rem;border:2px solid currentColor;border-radius:.4rem;background:Canvas;color:LinkText;font:inherit;font-weight:600;text-decoration:none;cursor:pointer}
a.action:hover,button:hover{text-decoration:underline}
a.action:focus-visible,button:focus-visible{outline:3px solid Highlight;outline-offset:3px}`;

/** Nothing but this style, whose hash it names: no script, no picture, nothing from anywhere else, and no other page around it. */
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Whether an answer is for a person: a browser that goes to a page names HTML, and clients of the API, which take anything or JSON, do not. @param accept the header */
export function wantsPage(accept: string | undefined): boolean {
  const types = (accept ?? "").split(",").map((part) => part.trim().toLowerCase());
  return types.some((type) => /^text\/html(?:$|;(?!.*\bq=0(?:\.0*)?$))/.test(type)) && !types.some((type) => type.startsWith("application/") && type.includes("json"));
}

/** Sends a page. The forms of it tell where they come from, which a policy without a referrer would keep. */
export function sendPage(response: Response, status: number, page: Page): void {
  response
    .status(status)
    .set({ "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin" })
    .end(toHtml(page));
}

function toHtml({ heading, paragraphs, action, reference = [] }: Page): string {
  const terms = reference.map(({ name, value }) => `<dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd>`).join("");
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeText(heading)} – Fluxo</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeText(heading)}</h1>
${paragraphs.map((text) => `<p>${escapeText(text)}</p>`).join("\n")}
${action === undefined ? "" : toAction(action)}
${terms === "" ? "" : `<dl>${terms}</dl>`}
</main>
</body>
</html>
`;
}

function toAction({ kind, to, label }: NonNullable<Page["action"]>): string {
  const [target, text] = [escapeText(to), escapeText(label)];
  return kind === "link" ? `<a class="action" href="${target}">${text}</a>` : `<form method="post" action="${target}"><button>${text}</button></form>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escapeText(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
