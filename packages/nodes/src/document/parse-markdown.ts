import { lexer, type MarkedToken, type Token, type Tokens } from "marked";
import type { Align, Block, Inline, ListItem, Style } from "./content.ts";

/** The scheme by which a document shows a stored file; any other picture is its description. */
export const FILE_SCHEME = "file:";

const LINK = /^(?:https?:\/\/|mailto:)[^\s\p{Cc}]+$/iu;
const LINE_BREAK = /^<br ?\/?>$/i;

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00A0", ndash: "–", mdash: "—", hellip: "…", copy: "©", euro: "€" };

/** The document that a Markdown text (GitHub's dialect) describes. HTML in it is left out, but for line breaks. */
export function parseMarkdown(markdown: string): Block[] {
  return blocksOf(lexer(markdown, { gfm: true }));
}

/** Marked's tokens by their types; those of extensions, which nobody installs, count as text. */
function known(tokens: readonly Token[]): MarkedToken[] {
  return tokens.filter((token): token is MarkedToken => token.type !== "generic");
}

function blocksOf(tokens: readonly Token[]): Block[] {
  return known(tokens).flatMap((token): Block[] => {
    switch (token.type) {
      case "heading":
        return [{ kind: "heading", level: token.depth, content: contentOf(token.tokens, {}) }];
      case "paragraph":
        return [{ kind: "paragraph", content: contentOf(token.tokens, {}) }];
      case "text":
        return [{ kind: "paragraph", content: contentOf(token.tokens ?? [token], {}) }];
      case "code":
        return [{ kind: "code", text: token.text }];
      case "blockquote":
        return [{ kind: "quote", blocks: blocksOf(token.tokens) }];
      case "list":
        return [{ kind: "list", start: token.ordered ? Number(token.start) : null, items: token.items.map(itemOf) }];
      case "table":
        return [tableOf(token)];
      case "hr":
        return [{ kind: "rule" }];
      default:
        return [];
    }
  });
}

function itemOf({ task, checked, tokens }: Tokens.ListItem): ListItem {
  const blocks = blocksOf(tokens);
  return task ? { checked: checked === true, blocks } : { blocks };
}

function tableOf({ align, header, rows }: Tokens.Table): Block {
  const cell = ({ tokens }: Tokens.TableCell): Inline[] => contentOf(tokens, {});
  return { kind: "table", align: align.map((side): Align => side ?? "left"), header: header.map(cell), rows: rows.map((row) => row.map(cell)) };
}

function contentOf(tokens: readonly Token[], style: Style): Inline[] {
  return merged(known(tokens).flatMap((token) => pieceOf(token, style)));
}

/** Escapes and entities cut a text into many tokens; what looks the same becomes one piece again. */
function merged(content: readonly Inline[]): Inline[] {
  const pieces: Inline[] = [];
  for (const piece of content) {
    const last = pieces.at(-1);
    if (last?.kind === "text" && piece.kind === "text" && isSameStyle(last.style, piece.style)) {
      pieces[pieces.length - 1] = { ...last, text: last.text + piece.text };
    } else {
      pieces.push(piece);
    }
  }
  return pieces;
}

function isSameStyle(left: Style, right: Style): boolean {
  return left.bold === right.bold && left.italic === right.italic && left.strike === right.strike && left.code === right.code && left.href === right.href;
}

function pieceOf(token: MarkedToken, style: Style): Inline[] {
  switch (token.type) {
    case "strong":
      return contentOf(token.tokens, { ...style, bold: true });
    case "em":
      return contentOf(token.tokens, { ...style, italic: true });
    case "del":
      return contentOf(token.tokens, { ...style, strike: true });
    case "codespan":
      return textOf(token.text, { ...style, code: true });
    case "link":
      return contentOf(token.tokens, LINK.test(token.href) ? { ...style, href: token.href } : style);
    case "image":
      return token.href.startsWith(FILE_SCHEME) ? [{ kind: "image", fileId: token.href.slice(FILE_SCHEME.length), alt: plainText(contentOf(token.tokens, {})) }] : contentOf(token.tokens, style);
    case "br":
      return [{ kind: "break" }];
    case "html":
      return LINE_BREAK.test(token.text.trim()) ? [{ kind: "break" }] : [];
    case "escape":
      return textOf(token.text, style);
    case "text":
      return token.tokens === undefined ? textOf(decoded(token.text), style) : contentOf(token.tokens, style);
    default:
      return [];
  }
}

/** What a piece of content says, without its looks. */
export function plainText(content: readonly Inline[]): string {
  return content.map((piece) => (piece.kind === "text" ? piece.text : piece.kind === "break" ? "\n" : piece.alt)).join("");
}

function textOf(text: string, style: Style): Inline[] {
  const plain = text.replaceAll("\n", " ").replaceAll(/[^\P{Cc}\t]/gu, "");
  return plain === "" ? [] : [{ kind: "text", text: plain, style }];
}

function decoded(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (entity: string, decimal?: string, hex?: string, name?: string) => {
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
    if (name !== undefined) {
      return Object.hasOwn(ENTITIES, name) ? (ENTITIES[name] ?? entity) : entity;
    }
    return code > 0 && code <= 0x10_ff_ff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : entity;
  });
}
