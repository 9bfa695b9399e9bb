import PdfDocument from "pdfkit";
import type { Block, Inline, Picture, RenderJob, Style } from "./content.ts";
import { plainText } from "./parse-markdown.ts";
import { pictureSize } from "./picture-size.ts";

const MARGIN = 56;
const INDENT = 18;
const TEXT_SIZE = 11;
const HEADING_SIZES = [22, 17, 14, 12, 11, 11];
const FOOTER_SIZE = 9;
const OWN_FONT = "own";

/** Characters that the built-in fonts have beyond Latin-1 (Windows code page 1252). */
const WINDOWS_1252 = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ";

export interface Pdf {
  readonly content: Uint8Array;
  readonly pages: number;
  /** Characters that the built-in fonts do not have and that became question marks. */
  readonly replacedCharacters: number;
}

/** The document on pages with numbers. @throws Error for a picture or font that cannot be read */
export async function renderPdf(blocks: readonly Block[], job: RenderJob): Promise<Pdf> {
  const createdAt = new Date(job.createdAtMs);
  const doc = new PdfDocument({
    size: job.pageSize,
    margin: MARGIN,
    bufferPages: true,
    lang: job.language,
    displayTitle: true,
    info: { Title: job.title, Producer: "Fluxo", Creator: "Fluxo", CreationDate: createdAt, ModDate: createdAt },
  });
  const chunks: Buffer[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    doc.on("data", (chunk: Buffer) => chunks.push(chunk));
    doc.on("end", resolve);
    doc.on("error", reject);
  });
  const writer = new Writer(doc, job);
  writer.blocks(blocks, 0);
  const pages = writer.pageNumbers();
  doc.end();
  await ended;
  return { content: Buffer.concat(chunks), pages, replacedCharacters: writer.replaced };
}

class Writer {
  replaced = 0;
  readonly #doc: PDFKit.PDFDocument;
  readonly #pictures: ReadonlyMap<string, Picture>;
  readonly #hasOwnFont: boolean;

  constructor(doc: PDFKit.PDFDocument, { pictures, font }: RenderJob) {
    this.#doc = doc;
    this.#pictures = new Map(pictures.map((picture) => [picture.fileId, picture]));
    this.#hasOwnFont = font !== undefined;
    if (font !== undefined) {
      doc.registerFont(OWN_FONT, Buffer.from(font));
    }
  }

  blocks(blocks: readonly Block[], indent: number): void {
    for (const block of blocks) {
      this.#block(block, indent);
    }
  }

  /** Writes the numbers at the foot of all pages and answers how many there are. */
  pageNumbers(): number {
    const { start, count } = this.#doc.bufferedPageRange();
    for (let index = 0; index < count; index += 1) {
      this.#doc.switchToPage(start + index);
      const { page } = this.#doc;
      // The foot lies in the margin, where text would otherwise begin another page.
      page.margins.bottom = 0;
      this.#use({}, FOOTER_SIZE);
      this.#doc.fillColor("#666666").text(`${index + 1} / ${count}`, MARGIN, page.height - MARGIN / 2 - FOOTER_SIZE, { align: "center", width: page.width - 2 * MARGIN, lineBreak: false });
    }
    return count;
  }

  #block(block: Block, indent: number): void {
    switch (block.kind) {
      case "heading":
        this.#keepTogether(4 * TEXT_SIZE);
        this.#inline(block.content, indent, HEADING_SIZES[block.level - 1] ?? TEXT_SIZE, { bold: true });
        break;
      case "paragraph":
        this.#inline(block.content, indent, TEXT_SIZE, {});
        break;
      case "code":
        this.#text(block.text, indent, TEXT_SIZE - 2, { code: true });
        break;
      case "quote":
        this.blocks(block.blocks, indent + 1);
        break;
      case "list":
        for (const [index, { checked, blocks }] of block.items.entries()) {
          const number = block.start === null ? "•" : `${block.start + index}.`;
          this.#item(checked === undefined ? number : checked ? "[x]" : "[ ]", blocks, indent);
        }
        break;
      case "table":
        this.#table(block, indent);
        break;
      case "rule":
        this.#rule(indent);
        break;
      default:
        block satisfies never;
    }
  }

  #item(marker: string, blocks: readonly Block[], indent: number): void {
    this.#keepTogether(2 * TEXT_SIZE);
    const { y } = this.#doc;
    this.#use({}, TEXT_SIZE);
    this.#doc.text(marker, this.#left(indent), y, { lineBreak: false });
    this.#doc.y = y;
    this.blocks(blocks.length === 0 ? [{ kind: "paragraph", content: [] }] : blocks, indent + 1);
  }

  #table({ align, header, rows }: Extract<Block, { readonly kind: "table" }>, indent: number): void {
    this.#keepTogether(4 * TEXT_SIZE);
    this.#use({}, TEXT_SIZE - 1);
    const cell = (content: readonly Inline[], column: number, isHeader: boolean): PDFKit.Mixins.CellOptions => ({
      text: this.#known(plainText(content)),
      align: { x: align[column] ?? "left", y: "top" },
      font: { src: this.#font({ bold: isHeader }), size: TEXT_SIZE - 1 },
      type: isHeader ? "TH" : "TD",
    });
    const data = [header.map((content, column) => cell(content, column, true)), ...rows.map((row) => row.map((content, column) => cell(content, column, false)))];
    this.#doc.table({ position: { x: this.#left(indent), y: this.#doc.y }, defaultStyle: { border: 0.5, borderColor: "#999999", padding: 4 }, data });
    this.#doc.x = MARGIN;
    this.#doc.moveDown(0.6);
  }

  #rule(indent: number): void {
    const { doc, y } = { doc: this.#doc, y: this.#doc.y + 4 };
    doc.moveTo(this.#left(indent), y).lineTo(doc.page.width - MARGIN, y).lineWidth(0.5).strokeColor("#999999").stroke();
    doc.y = y + 8;
  }

  /** Runs of text, and pictures between them. */
  #inline(content: readonly Inline[], indent: number, size: number, base: Style): void {
    let run: Exclude<Inline, { readonly kind: "image" }>[] = [];
    for (const piece of content) {
      if (piece.kind === "image") {
        this.#run(run, indent, size, base);
        run = [];
        this.#picture(piece, indent, size);
      } else {
        run.push(piece);
      }
    }
    this.#run(run, indent, size, base);
    this.#doc.moveDown(0.5);
  }

  #run(run: readonly Exclude<Inline, { readonly kind: "image" }>[], indent: number, size: number, base: Style): void {
    this.#doc.x = this.#left(indent);
    for (const [index, piece] of run.entries()) {
      const style = piece.kind === "break" ? base : { ...base, ...piece.style };
      this.#use(style, size);
      const isLink = style.href !== undefined;
      this.#doc.fillColor(isLink ? "#0b57d0" : "#000000").text(piece.kind === "break" ? "\n" : this.#known(piece.text), {
        width: this.#width(indent),
        continued: index < run.length - 1,
        strike: style.strike === true,
        underline: isLink,
        oblique: this.#hasOwnFont && style.italic === true,
        link: style.href ?? null,
      });
    }
  }

  #text(text: string, indent: number, size: number, style: Style): void {
    this.#use(style, size);
    this.#doc.fillColor("#000000").text(this.#known(text), this.#left(indent), this.#doc.y, { width: this.#width(indent) });
    this.#doc.moveDown(0.5);
  }

  #picture({ fileId, alt }: Extract<Inline, { readonly kind: "image" }>, indent: number, size: number): void {
    const picture = this.#pictures.get(fileId);
    if (picture === undefined) {
      this.#text(alt, indent, size, {});
      return;
    }
    const { width, height } = pictureSize(picture);
    const scale = Math.min(1, this.#width(indent) / width, (this.#doc.page.height - 2 * MARGIN) / height);
    this.#keepTogether(height * scale);
    const { y } = this.#doc;
    this.#doc.image(Buffer.from(picture.content), this.#left(indent), y, { width: width * scale, height: height * scale });
    this.#doc.y = y + height * scale;
  }

  /** Begins a page when there is no room for so many points on this one. */
  #keepTogether(height: number): void {
    const { page, y } = this.#doc;
    if (y + height > page.height - MARGIN && y > MARGIN) {
      this.#doc.addPage();
    }
  }

  #left(indent: number): number {
    return MARGIN + Math.min(indent, 12) * INDENT;
  }

  #width(indent: number): number {
    return this.#doc.page.width - MARGIN - this.#left(indent);
  }

  #use(style: Style, size: number): void {
    this.#doc.font(this.#font(style), size).fillColor("#000000");
  }

  #font({ bold = false, italic = false, code = false }: Style): string {
    if (this.#hasOwnFont) {
      return OWN_FONT;
    }
    const [family, slanted] = code ? ["Courier", "Oblique"] : ["Helvetica", "Oblique"];
    const variant = `${bold ? "Bold" : ""}${italic ? slanted : ""}`;
    return variant === "" ? family : `${family}-${variant}`;
  }

  #known(text: string): string {
    if (this.#hasOwnFont) {
      return text;
    }
    return text.replaceAll(/[^\n\t\x20-\x7E\u00A0-\u00FF]/gu, (character) => {
      if (WINDOWS_1252.includes(character)) {
        return character;
      }
      this.replaced += 1;
      return "?";
    });
  }
}
