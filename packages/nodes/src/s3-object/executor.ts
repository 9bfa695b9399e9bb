import { type S3Client, DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3ServiceException } from "@aws-sdk/client-s3";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import { FILE_BYTES_MAX, type FilePort } from "@fluxo/core/ports/files";
import { decodeText } from "../http/content.ts";
import { isFileRef, safeFileName } from "../schemas/file.ts";
import { s3Client } from "./client.ts";
import type { S3ObjectParams } from "./definition.ts";
import { s3Failure } from "./failure.ts";
import { GuardedRequestHandler } from "./request-handler.ts";

/** Largest answer that is no file: a text, a list, an error. */
const TEXT_BYTES_MAX = 1_048_576;

/** Metadata that tells which node wrote an object that must not be replaced. */
const KEY_METADATA = "fluxo-key";

interface Store {
  readonly client: S3Client;
  readonly context: NodeContext;
}

/** Does one operation. @throws NodeError by the store's answer (see `statusError`), what the ports throw; the signal's reason */
export const executeS3Object: NodeExecutor<S3ObjectParams> = async (params, context) => {
  context.signal.throwIfAborted();
  const { fields } = await context.credentials.open(params.credential, ["s3"]);
  const isFile = params.operation === "get" && params.responseFormat === "file";
  const handler = new GuardedRequestHandler(context.http, { timeoutMs: context.timeoutMs, maxResponseBytes: isFile ? FILE_BYTES_MAX : TEXT_BYTES_MAX, signal: context.signal });
  const client = s3Client(fields, handler);
  try {
    return { kind: "done", output: await operate(params, { client, context }) };
  } catch (error) {
    context.signal.throwIfAborted();
    throw s3Failure(error, handler, context.clock);
  } finally {
    client.destroy();
  }
};

function operate(params: S3ObjectParams, store: Store): Promise<JsonObject> {
  const key = params.key ?? "";
  switch (params.operation) {
    case "put":
      return put(params, key, store);
    case "get":
      return get(params, key, store);
    case "list":
      return list(params, store);
    case "delete":
      return remove(params, key, store);
    default:
      return params.operation satisfies never;
  }
}

async function put({ bucket, content, mediaType, ifAbsent }: S3ObjectParams, key: string, { client, context }: Store): Promise<JsonObject> {
  const body = await bodyOf(content ?? null, context.files);
  const contentType = mediaType ?? body.mediaType;
  const condition = ifAbsent ? { IfNoneMatch: "*", Metadata: { [KEY_METADATA]: context.idempotencyKey } } : {};
  const done = (etag: string | undefined, versionId: string | undefined): JsonObject => ({ bucket, key, bytes: body.bytes.byteLength, mediaType: contentType, ...tagsOf(etag, versionId) });
  try {
    const { ETag, VersionId } = await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body.bytes, ContentType: contentType, ...condition }));
    return done(ETag, VersionId);
  } catch (error) {
    if (!ifAbsent || !(error instanceof S3ServiceException) || error.$metadata.httpStatusCode !== 412) {
      throw error;
    }
    const found = await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }));
    if (found.Metadata?.[KEY_METADATA] !== context.idempotencyKey) {
      throw error;
    }
    // An earlier attempt of this node wrote it, and its answer was lost.
    return done(found.ETag, found.VersionId);
  }
}

async function get({ bucket, responseFormat, fileName }: S3ObjectParams, key: string, { client, context }: Store): Promise<JsonObject> {
  const { Body, ContentType, ETag, VersionId, LastModified } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const content = (await Body?.transformToByteArray()) ?? new Uint8Array();
  const mediaType = ContentType ?? "application/octet-stream";
  const facts = { bucket, key, bytes: content.byteLength, mediaType, ...tagsOf(ETag, VersionId), ...(LastModified === undefined ? {} : { modifiedAt: LastModified.toISOString() }) };
  if (responseFormat === "text") {
    return { ...facts, text: decodeText(content) };
  }
  const file = await context.files.save({ name: fileName ?? safeFileName(key, "object"), mediaType, content });
  return { ...facts, file: { ...file } };
}

async function list({ bucket, prefix, limit, nextToken }: S3ObjectParams, { client }: Store): Promise<JsonObject> {
  const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: limit, ...(nextToken === undefined ? {} : { ContinuationToken: nextToken }) });
  const { Contents = [], IsTruncated = false, NextContinuationToken } = await client.send(command);
  const objects = Contents.map(({ Key = "", Size = 0, ETag = "", LastModified = new Date(0) }) => ({ key: Key, bytes: Size, etag: ETag, modifiedAt: LastModified.toISOString() }));
  return { bucket, objects, nextToken: IsTruncated ? (NextContinuationToken ?? null) : null };
}

async function remove({ bucket }: S3ObjectParams, key: string, { client }: Store): Promise<JsonObject> {
  const { VersionId } = await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }));
  return { bucket, key, ...tagsOf(undefined, VersionId) };
}

async function bodyOf(content: Json, files: FilePort): Promise<{ readonly bytes: Uint8Array; readonly mediaType: string }> {
  if (isFileRef(content)) {
    return { bytes: await files.read(content.fileId), mediaType: content.mediaType };
  }
  return typeof content === "string"
    ? { bytes: Buffer.from(content, "utf8"), mediaType: "text/plain; charset=utf-8" }
    : { bytes: Buffer.from(JSON.stringify(content), "utf8"), mediaType: "application/json" };
}

function tagsOf(etag: string | undefined, versionId: string | undefined): JsonObject {
  return { ...(etag === undefined ? {} : { etag }), ...(versionId === undefined ? {} : { versionId }) };
}
