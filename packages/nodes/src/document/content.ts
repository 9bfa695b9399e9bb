/** How a piece of text looks. */
export interface Style {
  readonly bold?: boolean;
  readonly italic?: boolean;
  readonly strike?: boolean;
  readonly code?: boolean;
  /** Where it leads: http, https or mailto, nothing else. */
  readonly href?: string;
}

export type Inline =
  | { readonly kind: "text"; readonly text: string; readonly style: Style }
  | { readonly kind: "break" }
  | { readonly kind: "image"; readonly fileId: string; readonly alt: string };

export type Align = "left" | "center" | "right";

export interface ListItem {
  /** Of a task: whether it is done. */
  readonly checked?: boolean;
  readonly blocks: readonly Block[];
}

/** A document as all formats make it: what Markdown can say, without any markup of its own. */
export type Block =
  | { readonly kind: "heading"; readonly level: number; readonly content: readonly Inline[] }
  | { readonly kind: "paragraph"; readonly content: readonly Inline[] }
  | { readonly kind: "code"; readonly text: string }
  | { readonly kind: "quote"; readonly blocks: readonly Block[] }
  | { readonly kind: "list"; readonly start: number | null; readonly items: readonly ListItem[] }
  | { readonly kind: "table"; readonly align: readonly Align[]; readonly header: readonly (readonly Inline[])[]; readonly rows: readonly (readonly (readonly Inline[])[])[] }
  | { readonly kind: "rule" };

/** A picture that a document shows. */
export interface Picture {
  readonly fileId: string;
  readonly mediaType: "image/png" | "image/jpeg";
  readonly content: Uint8Array;
}

export const FORMATS = ["html", "markdown", "pdf", "docx"] as const;
export type Format = (typeof FORMATS)[number];

/** Everything that a document is made of. The same job gives the same bytes. */
export interface RenderJob {
  readonly format: Exclude<Format, "markdown">;
  readonly markdown: string;
  readonly title: string;
  /** A BCP 47 tag. */
  readonly language: string;
  readonly pageSize: "A4" | "LETTER";
  /** The date in the file's properties, in milliseconds of the epoch. */
  readonly createdAtMs: number;
  readonly pictures: readonly Picture[];
  /** A TrueType or OpenType font for PDF; without one, the built-in fonts know Western European characters only. */
  readonly font: Uint8Array | undefined;
}
