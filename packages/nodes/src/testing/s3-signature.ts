import type { HttpRequest } from "@fluxo/core/ports/http";
import { createHash, createHmac } from "node:crypto";

/**
 * Whether a request carries the signature that its content and the secret ask for (AWS Signature Version 4, docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
 * `host` and `content-length` count as the client sends them: from the URL and the body.
 */
export function isSigned({ method, url, headers = {}, body = "" }: HttpRequest, secret: string): boolean {
  const { host, pathname, searchParams } = new URL(url);
  const sent = new Map(Object.entries({ ...headers, host, "content-length": String(Buffer.byteLength(body)) }).map(([name, value]) => [name.toLowerCase(), value]));
  const [, date = "", region = "", signed = "", signature] = /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(sent.get("authorization") ?? "") ?? [];
  const query = [...searchParams].map(([name, value]) => `${escaped(name)}=${escaped(value)}`).toSorted().join("&");
  const names = signed.split(";");
  const contentHash = createHash("sha256").update(body).digest("hex");
  const canonical = [method, pathname, query, ...names.map((name) => `${name}:${(sent.get(name) ?? "").trim()}`), "", signed, contentHash].join("\n");
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", sent.get("x-amz-date") ?? "", scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const key = [date, region, "s3", "aws4_request"].reduce<string | Buffer>((last, part) => createHmac("sha256", last).update(part).digest(), `AWS4${secret}`);
  return sent.get("x-amz-content-sha256") === contentHash && names.includes("host") && createHmac("sha256", key).update(text).digest("hex") === signature;
}

function escaped(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
