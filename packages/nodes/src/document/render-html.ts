import type { Block, Inline, Picture, RenderJob } from "./content.ts";

const STYLE = `body{font-family:system-ui,sans-serif;line-height:1.5;max-width:48rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse}th,td{border:1px solid #999;padding:.25rem .5rem}pre{background:#f4f4f4;padding:.75rem;overflow:auto}
blockquote{border-left:3px solid #999;margin-left:0;padding-left:1rem}img{max-width:100%}`;

/** A page of its own, without scripts and without anything that is loaded: pictures stand in it. Every text is escaped. */
export function renderHtml(blocks: readonly Block[], { title, language, pictures }: RenderJob): string {
  const images = new Map(pictures.map((picture) => [picture.fileId, picture]));
  return `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
${blocks.map((block) => blockHtml(block, images)).join("\n")}
</body>
</html>
`;
}

type Images = ReadonlyMap<string, Picture>;

function blockHtml(block: Block, images: Images): string {
  const inline = (content: readonly Inline[]): string => content.map((piece) => inlineHtml(piece, images)).join("");
  const inner = (blocks: readonly Block[]): string => blocks.map((child) => blockHtml(child, images)).join("\n");
  switch (block.kind) {
    case "heading":
      return `<h${block.level}>${inline(block.content)}</h${block.level}>`;
    case "paragraph":
      return `<p>${inline(block.content)}</p>`;
    case "code":
      return `<pre><code>${escapeHtml(block.text)}</code></pre>`;
    case "quote":
      return `<blockquote>\n${inner(block.blocks)}\n</blockquote>`;
    case "list": {
      const [open, close] = block.start === null ? ["<ul>", "</ul>"] : [`<ol start="${block.start}">`, "</ol>"];
      const box = (checked: boolean | undefined): string => (checked === undefined ? "" : `<input type="checkbox" disabled${checked ? " checked" : ""}> `);
      return `${open}\n${block.items.map(({ checked, blocks }) => `<li>${box(checked)}${inner(blocks)}</li>`).join("\n")}\n${close}`;
    }
    case "table": {
      const row = (tag: string, cells: readonly (readonly Inline[])[]): string =>
        `<tr>${cells.map((cell, index) => `<${tag} style="text-align:${block.align[index] ?? "left"}">${inline(cell)}</${tag}>`).join("")}</tr>`;
      return `<table>\n<thead>${row("th", block.header)}</thead>\n<tbody>\n${block.rows.map((cells) => row("td", cells)).join("\n")}\n</tbody>\n</table>`;
    }
    case "rule":
      return "<hr>";
    default:
      return block satisfies never;
  }
}

function inlineHtml(piece: Inline, images: Images): string {
  if (piece.kind === "break") {
    return "<br>";
  }
  if (piece.kind === "image") {
    const picture = images.get(piece.fileId);
    const alt = escapeHtml(piece.alt);
    return picture === undefined ? alt : `<img alt="${alt}" src="data:${picture.mediaType};base64,${Buffer.from(picture.content).toString("base64")}">`;
  }
  const { bold, italic, strike, code, href } = piece.style;
  const tags = [code === true ? "code" : "", strike === true ? "s" : "", italic === true ? "em" : "", bold === true ? "strong" : ""].filter((tag) => tag !== "");
  const text = tags.reduce((html, tag) => `<${tag}>${html}</${tag}>`, escapeHtml(piece.text));
  return href === undefined ? text : `<a href="${escapeHtml(href)}" rel="noopener noreferrer">${text}</a>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
