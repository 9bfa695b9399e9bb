import { DANGEROUS_KEYS } from "@fluxo/core/graph/names";
import { RequestError, type FieldIssue } from "@fluxo/core/errors/request-error";
import { jsonPointer } from "@fluxo/core/json-pointer";
import express, { type Request, type Response } from "express";
import { invalid } from "./validate.ts";

/** Largest body, after decompression. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
/** Deepest nesting of arrays and objects. */
export const BODY_DEPTH_MAX = 64;

const readRaw = express.raw({ limit: BODY_BYTES_MAX, type: () => true });
const JSON_TYPE = /^application\/(?:json|[a-z0-9.+-]+\+json)\s*(?:;\s*charset="?utf-8"?\s*)?$/i;

/**
 * The JSON body of a request; undefined when there is none. It is read only here, after authentication.
 * @throws RequestError UNSUPPORTED_MEDIA_TYPE, BODY_TOO_LARGE, MALFORMED_JSON, or VALIDATION_FAILED for JSON that no operation takes
 */
export async function readJsonBody(request: Request, response: Response): Promise<unknown> {
  const hasBody = request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
  if (!hasBody) return undefined;
  if (!JSON_TYPE.test(request.headers["content-type"] ?? "")) {
    throw new RequestError("UNSUPPORTED_MEDIA_TYPE", { detail: "Send the body as application/json in UTF-8." });
  }
  await new Promise<void>((resolve, reject) => {
    readRaw(request, response, (error?: unknown) => {
      if (error === undefined) resolve();
      else reject(toRequestError(error));
    });
  });
  const bytes: unknown = request.body;
  if (!(bytes instanceof Uint8Array) || bytes.byteLength === 0) return undefined;
  return parseJson(bytes);
}

/** @throws RequestError MALFORMED_JSON, or VALIDATION_FAILED for nesting, keys or characters that are refused everywhere */
export function parseJson(bytes: Uint8Array): unknown {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    // The decoder throws a TypeError, the parser a SyntaxError whose message may quote the body.
    throw new RequestError("MALFORMED_JSON", { ...(error instanceof TypeError ? { detail: "The body is not UTF-8." } : {}), cause: error });
  }
  const issue = findRefused(value);
  if (issue !== undefined) throw invalid([issue]);
  return value;
}

interface Place {
  readonly value: unknown;
  readonly path: readonly PropertyKey[];
}

/** The first thing that no operation takes. Walks with a list of its own instead of recursion. */
function findRefused(root: unknown): FieldIssue | undefined {
  const pending: Place[] = [{ value: root, path: ["body"] }];
  for (let place = pending.pop(); place !== undefined; place = pending.pop()) {
    const { value, path } = place;
    if (typeof value === "string" && !isStorable(value)) return refuse(path, "unsupported_character", "holds a NUL character or half of a surrogate pair");
    if (typeof value !== "object" || value === null) continue;
    if (path.length > BODY_DEPTH_MAX) return refuse(path.slice(0, 8), "too_deep", `is nested more than ${BODY_DEPTH_MAX} levels deep`);
    for (const [key, inner] of Object.entries(value)) {
      if (DANGEROUS_KEYS.has(key)) return refuse([...path, key], "refused_key", "is a key that Fluxo never takes");
      if (!isStorable(key)) return refuse(path, "unsupported_character", "has a key with a NUL character or half of a surrogate pair");
      if (typeof inner === "object" || typeof inner === "string") pending.push({ value: inner, path: [...path, key] });
    }
  }
  return undefined;
}

function refuse(path: readonly PropertyKey[], code: string, message: string): FieldIssue {
  return { path: jsonPointer(path), code, message };
}

function isStorable(text: string): boolean {
  return !text.includes("\0") && text.isWellFormed();
}

/** The errors of the body parser by their documented `type`. */
function toRequestError(error: unknown): unknown {
  const type: unknown = typeof error === "object" && error !== null && "type" in error ? error.type : undefined;
  if (type === "entity.too.large") return new RequestError("BODY_TOO_LARGE", { detail: `The body may have ${BODY_BYTES_MAX} bytes.`, cause: error });
  if (type === "encoding.unsupported") return new RequestError("UNSUPPORTED_MEDIA_TYPE", { detail: "Content-Encoding may be gzip, deflate, br or identity.", cause: error });
  const status: unknown = typeof error === "object" && error !== null && "status" in error ? error.status : undefined;
  return status === 400 ? new RequestError("MALFORMED_JSON", { detail: "The body could not be read.", cause: error }) : error;
}
