import type { FileRef } from "@fluxo/core/ports/files";
import type { AiTokenPort } from "@fluxo/core/ports/ai-tokens";
import type { MemoryPort } from "@fluxo/core/ports/memory";
import type { SandboxPort } from "@fluxo/core/ports/sandbox";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import { MemoryCredentials } from "./memory-credentials.ts";
import { MemoryFiles } from "./memory-files.ts";
import { CountedTokens } from "./counted-tokens.ts";
import { MemoryMemory } from "./memory-memory.ts";
import { testSandbox } from "./sandbox.ts";

const EXAMPLE_CONTENT = Buffer.from("The content of an example.\n");

/** The file that examples name as `trigger.body.file`. */
export const EXAMPLE_FILE: FileRef = await new MemoryFiles().save({ name: "example.txt", mediaType: "text/plain", content: EXAMPLE_CONTENT });

/** The credentials that examples name. */
const EXAMPLE_CREDENTIALS: readonly OpenCredential[] = [
  {
    id: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a01",
    kind: "bearer",
    fields: { hosts: ["api.example.com"], token: "example-token" },
    accessToken: undefined,
  },
  {
    id: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a02",
    kind: "ai",
    fields: { provider: "openai-compatible", baseUrl: "https://ai.example.com/v1", apiKey: "example-key" },
    accessToken: undefined,
  },
  {
    id: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a03",
    kind: "s3",
    fields: { endpoint: "https://s3.example.com", region: "us-east-1", forcePathStyle: true, accessKeyId: "example-id", secretAccessKey: "example-secret" },
    accessToken: undefined,
  },
  {
    id: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a14",
    kind: "smtp",
    fields: { host: "mail.example.com", port: 587, security: "none", username: "user", password: "right" },
    accessToken: undefined,
  },
  {
    id: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a15",
    kind: "database",
    fields: { host: "db.example.com", port: 5432, database: "shop", username: "shop", tls: "disable" },
    accessToken: undefined,
  },
  {
    id: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a04",
    kind: "apiKey",
    fields: { hosts: ["api.example.com"], in: "header", name: "X-Signature", value: "example-key" },
    accessToken: undefined,
  },
];

/** The ports that examples need besides HTTP, with the file and the credentials that they name. */
export async function examplePorts(): Promise<{ readonly files: MemoryFiles; readonly credentials: MemoryCredentials; readonly sandbox: SandboxPort; readonly memory: MemoryPort; readonly aiTokens: AiTokenPort }> {
  const files = new MemoryFiles();
  await files.save({ name: EXAMPLE_FILE.name, mediaType: EXAMPLE_FILE.mediaType, content: EXAMPLE_CONTENT });
  return { files, credentials: new MemoryCredentials(EXAMPLE_CREDENTIALS), sandbox: testSandbox, memory: new MemoryMemory().of("execution-1"), aiTokens: new CountedTokens() };
}
