import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, S3ServiceException, type _Object, type S3Client } from "@aws-sdk/client-s3";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import type { Clock } from "@fluxo/core/ports/clock";
import type { HttpPort } from "@fluxo/core/ports/http";
import { s3Client } from "@fluxo/nodes/s3-object/client";
import { s3Failure } from "@fluxo/nodes/s3-object/failure";
import { GuardedRequestHandler } from "@fluxo/nodes/s3-object/request-handler";
import { CONTENT_BYTES_MAX, type FileTriggerParams, type MissingReason } from "@fluxo/nodes/trigger-file/definition";
import { CHUNK_BYTES } from "@fluxo/prisma/files/file-store";
import type { Facts } from "./diff.ts";
import { COPY_AHEAD_BYTES_MAX, FILES_MAX, type FileContent, type FilePlace, type Listing } from "./listing.ts";
import { mediaTypeByName } from "./media-type.ts";
import { isIgnoredPath, pathFilter, readPath, type UnreadableName } from "./names.ts";

const PAGE_BYTES_MAX = 5_242_880;
const REQUEST_TIMEOUT_MS = 15_000;
/** Keys that are looked at by one look: those that do not count cost time too. */
const KEYS_MAX = 200_000;
/** For one object; with the times of the listing and of the objects before it, it stays below a look's. */
const CONTENT_TIMEOUT_MS = 10_000;
const GONE: ReadonlySet<string> = new Set(["NoSuchKey", "NotFound"]);
/** Refusals that are about one object: the key may list but not read it, or it is archived. */
const OBJECT_REFUSALS: ReadonlySet<string> = new Set(["AccessDenied", "Forbidden", "403", "InvalidObjectState"]);

export interface BucketParts {
  readonly http: HttpPort;
  readonly clock: Clock;
  readonly fields: CredentialFields["s3"];
  readonly source: Extract<FileTriggerParams["source"], { readonly kind: "s3" }>;
  readonly params: FileTriggerParams;
  readonly signal: AbortSignal;
}

/** The objects of a bucket whose keys begin with the prefix. An object's entity tag stands for its content. */
export function openBucketPlace(parts: BucketParts): FilePlace {
  const { http, clock, fields, signal } = parts;
  const handler = new GuardedRequestHandler(http, { timeoutMs: REQUEST_TIMEOUT_MS, maxResponseBytes: PAGE_BYTES_MAX, signal });
  const client = s3Client(fields, handler);
  const contentHandler = new GuardedRequestHandler(http, { timeoutMs: CONTENT_TIMEOUT_MS, maxResponseBytes: CONTENT_BYTES_MAX, signal });
  const contentClient = s3Client(fields, contentHandler);
  const orMissing = async <T>(work: () => Promise<T>): Promise<T | MissingReason | undefined> => {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof S3ServiceException && GONE.has(error.name)) return undefined;
      if (error instanceof S3ServiceException && OBJECT_REFUSALS.has(error.name)) return "unreadable";
      const failure = s3Failure(error, contentHandler, clock);
      // Packed by its Content-Encoding, replaced by a larger one since it was listed, or of a store that gives no parts.
      if (failure instanceof NodeError && failure.code === "RESPONSE_TOO_LARGE") return "tooLarge";
      throw failure;
    }
  };
  return {
    list: async () => {
      try {
        return await listAll(client, parts);
      } catch (error) {
        signal.throwIfAborted();
        throw s3Failure(error, handler, clock);
      }
    },
    read: (path, facts) => orMissing(() => readObject(contentClient, parts.source, path, facts)),
    copy: (path, facts, begin) => orMissing(() => copyObject({ client: contentClient, source: parts.source, signal }, path, facts, begin)),
    close: () => {
      client.destroy();
      contentClient.destroy();
      return Promise.resolve();
    },
  };
}

async function listAll(client: S3Client, { source: { bucket, prefix }, params, signal }: BucketParts): Promise<Listing> {
  const counts = pathFilter(params);
  const files = new Map<string, Facts>();
  const unreadable: UnreadableName[] = [];
  let keys = 0;
  let token: string | undefined;
  do {
    signal.throwIfAborted();
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, EncodingType: "url", ...(token === undefined ? {} : { ContinuationToken: token }) }));
    for (const object of page.Contents ?? []) {
      const path = pathOf(keyOf(object, page.EncodingType === "url"), prefix);
      if (typeof path === "object") unreadable.push(path);
      else if (path !== undefined && counts(path)) files.set(path, factsOf(object));
    }
    keys += page.Contents?.length ?? 0;
    if (files.size + unreadable.length > FILES_MAX || keys > KEYS_MAX) throw new NodeError(`The bucket holds more than ${FILES_MAX} objects of this prefix; watch a longer prefix.`, { errorClass: "DATA", code: "DATA_TOO_LARGE" });
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
  return { files, unreadable, doneFiles: new Set() };
}

async function readObject(client: S3Client, { bucket, prefix }: BucketParts["source"], path: string, { hash }: Facts): Promise<FileContent | undefined> {
  const { Body, ContentType = "", ETag } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: prefix + path }));
  // Replaced since it was listed: the next look decides.
  if (ETag !== undefined && tagOf(ETag) !== hash) return undefined;
  return { bytes: (await Body?.transformToByteArray()) ?? new Uint8Array(), mediaType: mediaTypeOf(ContentType, path) };
}

/** Hands an object on, by requests for parts of it. Each answer names the entity that it is of. */
async function copyObject({ client, source, signal }: Pick<BucketParts, "source" | "signal"> & { readonly client: S3Client }, path: string, facts: Facts, begin: Parameters<FilePlace["copy"]>[2]): ReturnType<FilePlace["copy"]> {
  const { hash, size } = facts;
  const object = { Bucket: source.bucket, Key: source.prefix + path };
  const { ETag, ContentType = "", ContentEncoding = "" } = await client.send(new HeadObjectCommand(object));
  if (ETag !== undefined && tagOf(ETag) !== hash) return undefined;
  // A part of what is packed cannot be unpacked.
  if (!/^(?:identity|aws-chunked)?$/i.test(ContentEncoding)) return copyWhole(await readObject(client, source, path, facts), begin);
  const take = await begin(mediaTypeOf(ContentType, path), size);
  for (let position = 0; position < size; position += COPY_AHEAD_BYTES_MAX) {
    signal.throwIfAborted();
    const last = Math.min(position + COPY_AHEAD_BYTES_MAX, size) - 1;
    const part = await client.send(new GetObjectCommand({ ...object, Range: `bytes=${position}-${last}` }));
    const bytes = (await part.Body?.transformToByteArray()) ?? new Uint8Array();
    // Replaced since it was listed: the next look decides.
    if ((part.ETag !== undefined && tagOf(part.ETag) !== hash) || bytes.byteLength !== last - position + 1) return undefined;
    await takeParts(bytes, take);
  }
  return "copied";
}

async function copyWhole(content: FileContent | undefined, begin: Parameters<FilePlace["copy"]>[2]): ReturnType<FilePlace["copy"]> {
  if (content === undefined) return undefined;
  await takeParts(content.bytes, await begin(content.mediaType, content.bytes.byteLength));
  return "copied";
}

async function takeParts(bytes: Uint8Array, take: (part: Uint8Array) => Promise<void>): Promise<void> {
  for (let start = 0; start < bytes.byteLength; start += CHUNK_BYTES) await take(bytes.subarray(start, start + CHUNK_BYTES));
}

/** The store's own type, unless it is what stores say of objects that were put without one. */
function mediaTypeOf(contentType: string, path: string): string {
  return contentType === "" || /^(?:application|binary)\/octet-stream$/i.test(contentType) ? mediaTypeByName(path) : contentType;
}

/** An entity tag without its quotes, and without the mark of weak ones. */
function tagOf(header: string): string {
  return header.replace(/^W\//, "").replaceAll('"', "");
}

function keyOf({ Key = "" }: _Object, isEncoded: boolean): string {
  return isEncoded ? decodeURIComponent(Key.replaceAll("+", " ")) : Key;
}

/** The path of a key, or why it cannot be told; undefined for what stands for a folder, and for ignored names. */
function pathOf(key: string, prefix: string): string | UnreadableName | undefined {
  if (key.endsWith("/")) return undefined;
  const path = key.slice(prefix.length);
  const raw = Buffer.from(key);
  if (path === "") return { raw, reason: "Its key is the prefix itself." };
  if (path.split("/").some((part) => part === "" || part === "." || part === "..")) return { raw, reason: "Its path has empty parts, . or .. between slashes." };
  return isIgnoredPath(path) ? undefined : readPath(Buffer.from(path));
}

function factsOf({ Size = 0, ETag = "", LastModified = new Date(0) }: _Object): Facts {
  return { size: Size, mtime: `${LastModified.getTime()}000000`, inode: "", ctime: "", hash: tagOf(ETag) };
}
