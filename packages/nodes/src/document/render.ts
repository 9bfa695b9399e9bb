import type { RenderJob } from "./content.ts";
import { parseMarkdown } from "./parse-markdown.ts";
import { renderHtml } from "./render-html.ts";

/** A rendered document. */
export interface Rendered {
  readonly content: Uint8Array;
  /** Of PDF only. */
  readonly pages?: number;
  /** Of PDF only: characters that the font does not have. */
  readonly replacedCharacters?: number;
}

/** Makes the file of a job; loads what its format needs and no more. @throws Error for a picture or a font that cannot be read */
export async function render(job: RenderJob): Promise<Rendered> {
  const blocks = parseMarkdown(job.markdown);
  switch (job.format) {
    case "html":
      return { content: Buffer.from(renderHtml(blocks, job), "utf8") };
    case "pdf": {
      const { renderPdf } = await import("./render-pdf.ts");
      return renderPdf(blocks, job);
    }
    case "docx": {
      const { renderDocx } = await import("./render-docx.ts");
      return { content: await renderDocx(blocks, job) };
    }
    default:
      return job.format satisfies never;
  }
}
