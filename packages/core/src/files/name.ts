const MAX_NAME_LENGTH = 255;
const MAX_MEDIA_TYPE_LENGTH = 200;

/** What a file is when nobody says so, or says it in a way that no header can carry. */
const UNKNOWN_MEDIA_TYPE = "application/octet-stream";

/**
 * A name fit to be stored, shown and sent in headers, whatever a provider or a template made of it: without folders, control characters and marks
 * that change the direction of the text; never `.`, `..` or empty; at most 255 characters.
 */
export function cleanFileName(name: string): string {
  const base = name.toWellFormed().split(/[/\\]/).findLast((part) => part.trim() !== "") ?? "";
  const visible = base.replaceAll(/[\p{Cc}\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, "").trim();
  const cut = visible.slice(0, MAX_NAME_LENGTH).replace(/[\uD800-\uDBFF]$/, "").trim();
  return /^\.*$/.test(cut) ? "file" : cut;
}

/** A media type (RFC 9110, section 8.3.1) in lower case with its parameters, or `application/octet-stream` for what is none. */
export function cleanMediaType(mediaType: string): string {
  const [type = "", ...parameters] = mediaType.trim().split(";");
  const essence = type.trim().toLowerCase();
  if (mediaType.length > MAX_MEDIA_TYPE_LENGTH || !/^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/.test(essence)) return UNKNOWN_MEDIA_TYPE;
  const kept = parameters.map((parameter) => parameter.trim()).filter((parameter) => /^[A-Za-z0-9_.-]+=("[A-Za-z0-9_ .:/+-]*"|[A-Za-z0-9_.:+-]+)$/.test(parameter));
  return [essence, ...kept].join("; ");
}
