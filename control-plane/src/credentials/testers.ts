import type { CredentialFields, CredentialKind } from "@fluxo/core/credentials/kinds";
import type { Clock } from "@fluxo/core/ports/clock";
import type { DialPort } from "@fluxo/core/ports/dial";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import type { HttpPort } from "@fluxo/core/ports/http";
import { smtpError } from "@fluxo/nodes/email-send/smtp-error";
import { SmtpSession } from "@fluxo/nodes/email-send/smtp-session";
import { providerError } from "@fluxo/nodes/http/provider-error";
import { withImap } from "@fluxo/nodes/imap/imap-session";
import { clientOver } from "@fluxo/nodes/postgresql-query/client";
import { sqlError } from "@fluxo/nodes/postgresql-query/sql-error";
import { tryKey } from "@fluxo/nodes/s3-object/try-key";

/** What a test may reach: the same guarded ways out that nodes have. */
export interface TesterPorts {
  readonly http: HttpPort;
  readonly dial: DialPort;
  readonly clock: Clock;
}

/** Connects and logs in. Resolves with what happened, for people. @throws NodeError */
type Tester<K extends CredentialKind> = (fields: CredentialFields[K], ports: TesterPorts, signal: AbortSignal) => Promise<string>;

/** For one test as a whole. */
export const TEST_TIMEOUT_MS = 15_000;
const RESPONSE_BYTES_MAX = 1_048_576;
const SESSION_BYTES_MAX = 1_048_576;

/** Kinds that have a server of their own to ask. `oauth2` asks for a token under its lease (see `runTest`). Others have no way that is the same for all providers. */
const testers: { readonly [K in CredentialKind]?: Tester<K> } = { smtp: testSmtp, imap: testImap, database: testDatabase, s3: testS3, ai: testAi };

/** Whether a kind of credentials can be tested. */
export function isTestable(kind: CredentialKind): boolean {
  return kind === "oauth2" || testers[kind] !== undefined;
}

/** Tries an open credential; undefined when its kind has no tester. @throws NodeError */
export async function tryCredential({ kind, fields }: OpenCredential, ports: TesterPorts, signal: AbortSignal): Promise<string | undefined> {
  // The registry pairs each kind with its own fields, which the compiler cannot follow through an index.
  const tester = testers[kind] as Tester<CredentialKind> | undefined;
  return tester?.(fields, ports, signal);
}

async function testSmtp(server: CredentialFields["smtp"], { dial }: TesterPorts, signal: AbortSignal): Promise<string> {
  const { host, port, security, ca, username } = server;
  const socket = await dial.connect({ protocol: "smtp", host, port, tls: security === "tls", timeoutMs: TEST_TIMEOUT_MS, bytesMax: SESSION_BYTES_MAX, signal, ...(ca === undefined ? {} : { ca }) });
  const session = new SmtpSession(socket, server, { name: "fluxo", timeoutMs: TEST_TIMEOUT_MS });
  try {
    await session.open();
  } catch (error) {
    throw smtpError(error, host, true);
  } finally {
    session.close();
  }
  return username === undefined ? "The server answers; there is no login." : "The server took the login.";
}

/** Logs in and opens no mailbox. */
async function testImap(server: CredentialFields["imap"], { dial }: TesterPorts, signal: AbortSignal): Promise<string> {
  return withImap(dial, server, signal, () => Promise.resolve("The server took the login."));
}

async function testDatabase(database: CredentialFields["database"], { dial }: TesterPorts, signal: AbortSignal): Promise<string> {
  const { port } = database;
  const host = database.host.replace(/^\[(.*)\]$/, "$1");
  const socket = await dial.connect({ protocol: "postgresql", host, port, tls: false, timeoutMs: TEST_TIMEOUT_MS, bytesMax: SESSION_BYTES_MAX, signal });
  try {
    await clientOver(socket, host, database, TEST_TIMEOUT_MS).connect();
  } catch (error) {
    throw sqlError(error, host, true);
  } finally {
    socket.destroy();
  }
  return "The server took the login.";
}

async function testS3(fields: CredentialFields["s3"], ports: TesterPorts, signal: AbortSignal): Promise<string> {
  const mayList = await tryKey(fields, ports, { timeoutMs: TEST_TIMEOUT_MS, maxResponseBytes: RESPONSE_BYTES_MAX, signal });
  return mayList ? "The store took the key." : "The store knows the key, which may not list buckets.";
}

/** Lists the models, which both kinds of API offer without cost. */
async function testAi({ provider, baseUrl, apiKey }: CredentialFields["ai"], { http, clock }: TesterPorts, signal: AbortSignal): Promise<string> {
  const authentication = provider === "anthropic" ? { "x-api-key": apiKey, "anthropic-version": "2023-06-01" } : { authorization: `Bearer ${apiKey}` };
  const response = await http.send({
    method: "GET",
    url: `${baseUrl.replace(/\/+$/, "")}/models`,
    headers: { accept: "application/json", ...authentication },
    timeoutMs: TEST_TIMEOUT_MS,
    maxResponseBytes: RESPONSE_BYTES_MAX,
    signal,
  });
  if (response.status >= 400) throw providerError(response, clock);
  return "The API took the key.";
}
