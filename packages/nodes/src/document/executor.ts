import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import type { JsonObject } from "@fluxo/core/json";
import { isFileRef } from "../schemas/file.ts";
import type { Format, Picture } from "./content.ts";
import type { DocumentParams } from "./definition.ts";
import { fillTemplate, pictureType } from "./fill.ts";
import { FILE_SCHEME } from "./parse-markdown.ts";
import { renderInThread } from "./render-in-thread.ts";
import type { Rendered } from "./render.ts";

const FILE_TYPES: Readonly<Record<Format, { readonly extension: string; readonly mediaType: string }>> = {
  html: { extension: ".html", mediaType: "text/html" },
  markdown: { extension: ".md", mediaType: "text/markdown" },
  pdf: { extension: ".pdf", mediaType: "application/pdf" },
  docx: { extension: ".docx", mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
};

/** For ids that hold no time. */
const FALLBACK_MS = Date.UTC(2026, 0, 1);

/** @throws NodeError DATA: TEMPLATE_REFERENCE_MISSING, TEMPLATE_VALUE_REFUSED, PARAMS_INVALID (a picture or font), FILE_NOT_FOUND, FILE_TOO_LARGE, OUTPUT_TOO_LARGE; NODE_TIMEOUT */
export const executeDocument: NodeExecutor<DocumentParams> = async (params, context) => {
  context.signal.throwIfAborted();
  const markdown = fillTemplate(params.template, params.values, context.trigger, params.escape);
  const { extension, mediaType } = FILE_TYPES[params.format];
  const name = params.fileName.toLowerCase().endsWith(extension) ? params.fileName : `${params.fileName.slice(0, 255 - extension.length)}${extension}`;
  const { content, pages, replacedCharacters } = await contentOf(params, markdown, name, context);
  const file = await context.files.save({ name, mediaType, content });
  const facts: JsonObject = { ...(pages === undefined ? {} : { pages }), ...(replacedCharacters === undefined ? {} : { replacedCharacters }) };
  return { kind: "done", output: { file: { ...file }, ...facts } };
};

async function contentOf({ format, title, language, pageSize, font, values }: DocumentParams, markdown: string, name: string, context: NodeContext): Promise<Rendered> {
  if (format === "markdown") {
    return { content: Buffer.from(markdown, "utf8") };
  }
  const pictures = await picturesIn(markdown, [values, context.trigger], context);
  const fontContent = font === undefined || format !== "pdf" ? undefined : await context.files.read(font.fileId);
  const job = { format, markdown, title: title ?? name, language, pageSize, createdAtMs: startOf(context.executionId), pictures, font: fontContent };
  return renderInThread(job, context.timeoutMs, context.signal);
}

/** The pictures that the document shows and that its values name: no other file is read. */
async function picturesIn(markdown: string, roots: readonly JsonObject[], { files }: NodeContext): Promise<Picture[]> {
  const pictures = new Map<string, Picture>();
  const pending: unknown[] = [...roots];
  for (const value of pending) {
    if (isFileRef(value)) {
      const mediaType = pictureType(value);
      if (mediaType !== undefined && !pictures.has(value.fileId) && markdown.includes(`${FILE_SCHEME}${value.fileId}`)) {
        pictures.set(value.fileId, { fileId: value.fileId, mediaType, content: await files.read(value.fileId) });
      }
    } else if (typeof value === "object" && value !== null) {
      for (const member of Object.values(value)) {
        pending.push(member);
      }
    }
  }
  return [...pictures.values()];
}

/** When the execution began, in milliseconds of the epoch, as its id (UUID version 7) tells: the same for every attempt. */
function startOf(executionId: string): number {
  const isTimed = /^[0-9a-f]{8}-[0-9a-f]{4}-7/i.test(executionId);
  return isTimed ? Number.parseInt(executionId.replaceAll("-", "").slice(0, 12), 16) : FALLBACK_MS;
}
