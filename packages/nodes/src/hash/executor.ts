import { canonicalJson } from "@fluxo/core/canonical-json";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { HashParams } from "./definition.ts";

/** @throws NodeError what the credential and the file throw */
export const executeHash: NodeExecutor<HashParams> = async (params, context) => {
  const { operation, algorithm, encoding } = params;
  const content = await contentOf(params, context);
  switch (operation) {
    case "hash":
      return { kind: "done", output: { hash: createHash(algorithm).update(content).digest(encoding) } };
    case "sign":
      return { kind: "done", output: { signature: (await signatureOf(content, params, context)).toString(encoding) } };
    case "verify":
      return { kind: "done", output: { isValid: isSame(params.signature ?? "", await signatureOf(content, params, context), encoding) } };
    default:
      return operation satisfies never;
  }
};

async function contentOf({ text, value, file }: HashParams, context: NodeContext): Promise<string | Uint8Array> {
  if (file !== undefined) {
    return context.files.read(file.fileId);
  }
  return text ?? canonicalJson(value ?? null);
}

async function signatureOf(content: string | Uint8Array, { algorithm, credential, host }: HashParams, context: NodeContext): Promise<Buffer> {
  if (credential === undefined || host === undefined) {
    throw new NodeError("credential and host must be there.", { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  const { fields } = await context.credentials.open(credential, ["apiKey"], host);
  return createHmac(algorithm, fields.value).update(content).digest();
}

/** Compares bytes, not texts, so that the case of hex digits and the padding of base64 do not matter; but only what is a signature as a whole. */
function isSame(given: string, expected: Buffer, encoding: HashParams["encoding"]): boolean {
  const text = encoding === "hex" ? given.toLowerCase() : given.replace(/={1,2}$/, "");
  const bytes = Buffer.from(text, encoding);
  const written = bytes.toString(encoding).replace(/={1,2}$/, "");
  return written === text && bytes.length === expected.length && timingSafeEqual(bytes, expected);
}
