import type { Redactor } from "@fluxo/core/credentials/redactor";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { AiTokenPort } from "@fluxo/core/ports/ai-tokens";
import type { CredentialPort } from "@fluxo/core/ports/credentials";
import type { DialPort } from "@fluxo/core/ports/dial";
import type { FilePort } from "@fluxo/core/ports/files";
import type { HttpPort } from "@fluxo/core/ports/http";
import type { MemoryPort } from "@fluxo/core/ports/memory";
import type { NodePorts, NodeScope } from "@fluxo/core/ports/node-ports";
import type { SandboxPort } from "@fluxo/core/ports/sandbox";

/** The ports of one node of one execution. The values of secrets that the node opens are told to `redactor`. */
export type PortsOf = (scope: NodeScope, redactor: Redactor) => NodePorts;

export interface NodePortParts {
  readonly http: HttpPort;
  /** The way to mail servers and databases. */
  readonly dial?: DialPort;
  /** What the node's version declares; nodes that ask without it fail. */
  readonly credentials?: (scope: NodeScope, redactor: Redactor) => CredentialPort;
  /** Binary data by reference. */
  readonly files?: (scope: NodeScope) => FilePort;
  /** Where tenants' code runs. */
  readonly sandbox?: SandboxPort;
  /** What nodes remember; nodes that ask without it fail. */
  readonly memory?: (scope: NodeScope) => MemoryPort;
  /** Tokens of the tenant's plan; nodes that ask without it fail. */
  readonly aiTokens?: (scope: NodeScope) => AiTokenPort;
}

/** Binds what nodes may reach to the tenant, workflow, execution, node and item that asks. */
export function createNodePorts({ http, dial, credentials, files, sandbox, memory, aiTokens }: NodePortParts): PortsOf {
  return (scope, redactor) => ({
    http,
    dial: dial ?? { connect: () => missing("dialer") },
    credentials: credentials?.(scope, redactor) ?? { open: () => missing("credentials") },
    files: redactFiles(files?.(scope), redactor) ?? { save: () => missing("files"), read: () => missing("files") },
    sandbox: sandbox ?? { run: () => missing("sandbox") },
    memory: memory?.(scope) ?? { remember: () => missing("memory"), exchange: () => missing("memory") },
    aiTokens: aiTokens?.(scope) ?? { hold: () => missing("tokens of AI models") },
  });
}

/** A file is kept as it is left behind by an output: without the secrets that the node opened. */
function redactFiles(files: FilePort | undefined, redactor: Redactor): FilePort | undefined {
  return files && { read: (fileId) => files.read(fileId), save: (file) => files.save({ ...file, name: redactor.text(file.name), content: redactor.bytes(file.content) }) };
}

function missing(port: string): Promise<never> {
  return Promise.reject(new NodeError(`This worker has no ${port}.`, { errorClass: "INTERNAL", code: "NODE_INTERNAL" }));
}
