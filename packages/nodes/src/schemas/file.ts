import { fileRefSchema, type FileRef } from "@fluxo/core/ports/files";
import { z } from "zod";

/** The name of a file that a node makes. */
export const fileNameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^/\\\p{Cc}]+$/u, "must be a file name without folders and control characters");

const NAME_LENGTH_MAX = 200;

/** Whether a value is a file reference, as nodes hand files on. */
export function isFileRef(value: unknown): value is FileRef {
  return fileRefSchema.safeParse(value).success;
}

/** A file name made of what somebody outside calls a file: its last part, without control characters; `fallback` when nothing is left. */
export function safeFileName(text: string, fallback: string): string {
  const name = (text.split(/[/\\]/).at(-1) ?? "").replaceAll(/\p{Cc}/gu, "").trim().slice(0, NAME_LENGTH_MAX).toWellFormed();
  return name === "" || name === "." || name === ".." ? fallback : name;
}
