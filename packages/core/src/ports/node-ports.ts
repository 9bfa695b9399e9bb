import type { AiTokenPort } from "./ai-tokens.ts";
import type { CredentialPort } from "./credentials.ts";
import type { DialPort } from "./dial.ts";
import type { FilePort } from "./files.ts";
import type { HttpPort } from "./http.ts";
import type { MemoryPort } from "./memory.ts";
import type { SandboxPort } from "./sandbox.ts";

/** All that a node may reach outside of its parameters, already bound to its tenant, workflow, execution, node and item. */
export interface NodePorts {
  readonly http: HttpPort;
  readonly dial: DialPort;
  readonly credentials: CredentialPort;
  readonly files: FilePort;
  readonly sandbox: SandboxPort;
  readonly memory: MemoryPort;
  readonly aiTokens: AiTokenPort;
}

/** Who uses the ports. */
export interface NodeScope {
  readonly tenantId: string;
  readonly workflowId: string;
  readonly executionId: string;
  readonly nodeId: string;
  /** 0 outside of loops. */
  readonly item: number;
}
