import {
  AlignmentType,
  BorderStyle,
  Document,
  ExternalHyperlink,
  Footer,
  HeadingLevel,
  ImageRun,
  type INumberingOptions,
  type IParagraphOptions,
  LevelFormat,
  Packer,
  PageNumber,
  Paragraph,
  type ParagraphChild,
  Table,
  TableCell,
  TableRow,
  TextRun,
  WidthType,
} from "docx";
import type { Align, Block, Inline, ListItem, Picture, RenderJob } from "./content.ts";
import { pictureSize } from "./picture-size.ts";

/** In twentieths of a point. */
const INDENT_PER_LEVEL = 360;
const PICTURE_WIDTH_MAX = 600;
const PAGE_SIZES = { A4: { width: 11_906, height: 16_838 }, LETTER: { width: 12_240, height: 15_840 } } as const;
const HEADINGS = [HeadingLevel.HEADING_1, HeadingLevel.HEADING_2, HeadingLevel.HEADING_3, HeadingLevel.HEADING_4, HeadingLevel.HEADING_5, HeadingLevel.HEADING_6] as const;
const ALIGNMENTS = { left: AlignmentType.LEFT, center: AlignmentType.CENTER, right: AlignmentType.RIGHT } as const satisfies Record<Align, string>;

type Numberings = INumberingOptions["config"][number][];
type Child = Paragraph | Table;

/** The document as a Word file. @throws Error for a picture that cannot be read */
export async function renderDocx(blocks: readonly Block[], { title, language, pageSize, pictures }: RenderJob): Promise<Uint8Array> {
  const writer = new Writer(pictures);
  const children = writer.blocks(blocks, 0);
  const numbers = new Paragraph({ alignment: AlignmentType.CENTER, children: [new TextRun({ children: [PageNumber.CURRENT, " / ", PageNumber.TOTAL_PAGES] })] });
  const document = new Document({
    title,
    creator: "Fluxo",
    lastModifiedBy: "Fluxo",
    styles: { default: { document: { run: { font: "Calibri", size: 22, language: { value: language } } } } },
    numbering: { config: writer.numberings },
    sections: [{ properties: { page: { size: PAGE_SIZES[pageSize] } }, footers: { default: new Footer({ children: [numbers] }) }, children }],
  });
  return Packer.toBuffer(document);
}

class Writer {
  /** One per ordered list, because each begins with a number of its own. */
  readonly numberings: Numberings = [];
  readonly #pictures: ReadonlyMap<string, Picture>;

  constructor(pictures: readonly Picture[]) {
    this.#pictures = new Map(pictures.map((picture) => [picture.fileId, picture]));
  }

  blocks(blocks: readonly Block[], indent: number): Child[] {
    return blocks.flatMap((block) => this.#block(block, indent));
  }

  #block(block: Block, indent: number): Child[] {
    const place: IParagraphOptions = { indent: { left: indent * INDENT_PER_LEVEL }, spacing: { after: 120 } };
    switch (block.kind) {
      case "heading":
        return [new Paragraph({ ...place, heading: HEADINGS[block.level - 1] ?? HeadingLevel.HEADING_6, children: this.#inline(block.content) })];
      case "paragraph":
        return [new Paragraph({ ...place, children: this.#inline(block.content) })];
      case "code":
        return [new Paragraph({ ...place, children: block.text.split("\n").map((line, index) => new TextRun({ text: line, font: "Courier New", ...(index === 0 ? {} : { break: 1 }) })) })];
      case "quote":
        return this.blocks(block.blocks, indent + 1);
      case "list":
        return this.#list(block.items, block.start, indent);
      case "table":
        return [this.#table(block), new Paragraph({})];
      case "rule":
        return [new Paragraph({ ...place, border: { bottom: { style: BorderStyle.SINGLE, size: 6, color: "999999", space: 1 } } })];
      default:
        return block satisfies never;
    }
  }

  #list(items: readonly ListItem[], start: number | null, indent: number): Child[] {
    const reference = start === null ? undefined : this.#numbering(start, indent);
    return items.flatMap(({ checked, blocks }) => {
      const [first, ...others] = blocks;
      const box = checked === undefined ? [] : [new TextRun(checked ? "☒ " : "☐ ")];
      const marker: IParagraphOptions = reference === undefined ? { bullet: { level: Math.min(indent, 8) } } : { numbering: { reference, level: 0 } };
      const content = first?.kind === "paragraph" ? this.#inline(first.content) : [];
      const rest = first === undefined || first.kind === "paragraph" ? others : blocks;
      return [new Paragraph({ ...marker, children: [...box, ...content] }), ...this.blocks(rest, indent + 1)];
    });
  }

  #numbering(start: number, indent: number): string {
    const reference = `numbers-${this.numberings.length + 1}`;
    const style = { paragraph: { indent: { left: (indent + 2) * INDENT_PER_LEVEL, hanging: INDENT_PER_LEVEL } } };
    this.numberings.push({ reference, levels: [{ level: 0, format: LevelFormat.DECIMAL, text: "%1.", start, alignment: AlignmentType.LEFT, style }] });
    return reference;
  }

  #table({ align, header, rows }: Extract<Block, { readonly kind: "table" }>): Table {
    const row = (cells: readonly (readonly Inline[])[], isHeader: boolean): TableRow =>
      new TableRow({
        tableHeader: isHeader,
        children: cells.map((content, column) => {
          const pieces = isHeader ? content.map((piece): Inline => (piece.kind === "text" ? { ...piece, style: { ...piece.style, bold: true } } : piece)) : content;
          return new TableCell({ children: [new Paragraph({ alignment: ALIGNMENTS[align[column] ?? "left"], children: this.#inline(pieces) })] });
        }),
      });
    return new Table({ width: { size: 100, type: WidthType.PERCENTAGE }, rows: [row(header, true), ...rows.map((cells) => row(cells, false))] });
  }

  #inline(content: readonly Inline[]): ParagraphChild[] {
    return content.map((piece): ParagraphChild => {
      if (piece.kind === "break") {
        return new TextRun({ break: 1 });
      }
      if (piece.kind === "image") {
        return this.#picture(piece);
      }
      const { bold = false, italic = false, strike = false, code = false, href } = piece.style;
      const run = new TextRun({ text: piece.text, bold, italics: italic, strike, ...(code ? { font: "Courier New" } : {}), ...(href === undefined ? {} : { style: "Hyperlink" }) });
      return href === undefined ? run : new ExternalHyperlink({ link: href, children: [run] });
    });
  }

  #picture({ fileId, alt }: Extract<Inline, { readonly kind: "image" }>): ParagraphChild {
    const picture = this.#pictures.get(fileId);
    if (picture === undefined) {
      return new TextRun(alt);
    }
    const { width, height } = pictureSize(picture);
    const scale = Math.min(1, PICTURE_WIDTH_MAX / width);
    const type = picture.mediaType === "image/png" ? "png" : "jpg";
    const transformation = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
    return new ImageRun({ type, data: picture.content, transformation, altText: { name: alt, title: alt, description: alt } });
  }
}
