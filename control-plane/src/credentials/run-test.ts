import { Redactor } from "@fluxo/core/credentials/redactor";
import type { ErrorCode } from "@fluxo/core/errors/codes";
import { NodeError } from "@fluxo/core/errors/node-error";
import { normalizeMessage } from "@fluxo/core/errors/normalize";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import { openCredential } from "@fluxo/prisma/credentials/open";
import type { StoredCredential } from "@fluxo/prisma/credentials/stored-credential";
import type { Vault } from "@fluxo/runtime/secrets/vault";
import { TEST_TIMEOUT_MS, tryCredential, type TesterPorts } from "./testers.ts";

export interface TestPorts extends TesterPorts {
  /** Asks the provider of an OAuth2 credential for a new access token, under its lease. */
  readonly renewToken: (stored: StoredCredential) => Promise<string>;
}

export interface TestOutcome {
  readonly ok: boolean;
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly durationMs: number;
  /** Whether it says anything about the credential that is not written down yet. */
  readonly isConclusive: boolean;
}

/** Tries a credential. Whatever goes wrong on the other side is an outcome; secrets never appear in it. @throws what is our own fault */
export async function runTest(stored: StoredCredential, vault: Vault, ports: TestPorts): Promise<TestOutcome> {
  const begunMs = performance.now();
  const redactor = new Redactor();
  const outcome = (ok: boolean, code: ErrorCode | null, message: string): TestOutcome => ({
    ok,
    code,
    message: normalizeMessage(redactor.message(message)),
    durationMs: Math.round(performance.now() - begunMs),
    isConclusive: stored.kind !== "oauth2" && (ok || code === "CREDENTIAL_REJECTED"),
  });
  try {
    const { credential, secretValues } = await openCredential(stored, vault, { get: ports.renewToken });
    redactor.add(secretValues);
    if (credential.kind === "oauth2") return outcome(true, null, "The provider gave an access token.");
    const message = await run(credential, ports);
    return message === undefined ? outcome(false, "UNSUPPORTED", `Credentials of the kind ${credential.kind} cannot be tested by themselves.`) : outcome(true, null, message);
  } catch (error) {
    if (!(error instanceof NodeError) || error.code === "CREDENTIAL_UNREADABLE") throw error;
    return outcome(false, error.code, error.message);
  }
}

async function run(credential: OpenCredential, ports: TesterPorts): Promise<string | undefined> {
  const signal = AbortSignal.timeout(TEST_TIMEOUT_MS);
  try {
    return await tryCredential(credential, ports, signal);
  } catch (error) {
    if (signal.aborted) throw new NodeError(`The other side did not answer within ${TEST_TIMEOUT_MS} ms.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT", cause: error });
    throw error;
  }
}
