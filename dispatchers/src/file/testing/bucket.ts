import { randomBytes } from "node:crypto";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { HttpPort } from "@fluxo/core/ports/http";
import { s3Client } from "@fluxo/nodes/s3-object/client";
import { GuardedRequestHandler } from "@fluxo/nodes/s3-object/request-handler";
import { S3Server } from "@fluxo/nodes/testing/s3-server";
import { createTenantDb, type TenantDb } from "@fluxo/prisma/database/tenant-db";
import { uuidV7 } from "@fluxo/prisma/ids";
import { addCredential } from "@fluxo/prisma/testing/credentials";
import { systemClock } from "@fluxo/runtime/clock";
import { createStaticKeyProvider } from "@fluxo/runtime/secrets/key-provider";
import { createVault } from "@fluxo/runtime/secrets/vault";
import { TriggerCredentials } from "../../email/trigger-credentials.ts";
import type { SourcePlace } from "../../testing/source-stage.ts";
import { FileSource } from "../file-source.ts";
import { bucketOpener } from "../open-bucket.ts";

const vault = createVault(createStaticKeyProvider(randomBytes(32)), () => performance.now());
const noTokens = { get: () => Promise.reject(new Error("A key of a store has no token.")), renew: () => Promise.reject(new Error("A key of a store has no token.")) };

const tenantDbs = new WeakMap<SourcePlace["app"], TenantDb>();

function tenantDbOf(app: SourcePlace["app"]): TenantDb {
  const known = tenantDbs.get(app) ?? createTenantDb(app);
  tenantDbs.set(app, known);
  return known;
}

/** A bucket of its own on a real server, with a stored credential that the workflow's version declares. */
export class TestBucket {
  readonly credentialId: string;
  readonly #server: S3Server;
  readonly #place: SourcePlace;
  #isAway = false;
  /** What reading an object is answered with instead, by key. */
  readonly refusals = new Map<string, { readonly status: number; readonly code: string }>();
  /** Bytes of the largest answer to a request for an object. */
  answerBytesMax = 0;
  /** What happens once before the next object is read. */
  beforeRead: (() => Promise<unknown>) | undefined;

  private constructor(server: S3Server, place: SourcePlace, credentialId: string) {
    this.#server = server;
    this.#place = place;
    this.credentialId = credentialId;
  }

  static async make(place: SourcePlace, fields: { readonly secretAccessKey?: string } = {}): Promise<TestBucket> {
    const server = await S3Server.start("reports");
    const credentialId = await addCredential(tenantDbOf(place.app), vault, place.tenantId, "s3", { ...server.fields, ...fields });
    await place.owner.query("INSERT INTO workflow_version_credentials (tenant_id, version_id, node_id, param, credential_id) SELECT tenant_id, id, 'start', 'credential', $2 FROM workflow_versions WHERE tenant_id = $1", [
      place.tenantId,
      credentialId,
    ]);
    return new TestBucket(server, place, credentialId);
  }

  /** The source as a new process makes it. */
  open(): FileSource {
    const credentials = new TriggerCredentials({ db: this.#place.app, vault, tokens: noTokens });
    return new FileSource({ app: this.#place.app, ids: uuidV7, contentBytesMax: 104_857_600, root: undefined, openBucket: bucketOpener({ credentials, http: this.#http, clock: systemClock }) });
  }

  async put(key: string, content: string | Uint8Array = key, encoding?: string): Promise<void> {
    await this.#send((client) => client.send(new PutObjectCommand({ Bucket: "reports", Key: key, Body: content, ...(encoding === undefined ? {} : { ContentEncoding: encoding }) })));
  }

  async delete(key: string): Promise<void> {
    await this.#send((client) => client.send(new DeleteObjectCommand({ Bucket: "reports", Key: key })));
  }

  /** Ends the server, unless it is away already. */
  async close(): Promise<void> {
    if (this.#isAway) return;
    this.#isAway = true;
    await this.#server[Symbol.asyncDispose]();
  }

  readonly #http: HttpPort = {
    send: async (request) => {
      const key = decodeURIComponent(new URL(request.url).pathname).replace(/^\/reports\/?/, "");
      if (key === "") return this.#server.http.send(request);
      const meanwhile = this.beforeRead;
      this.beforeRead = undefined;
      await meanwhile?.();
      const refusal = this.refusals.get(key);
      if (refusal === undefined) {
        const answer = await this.#server.http.send(request);
        this.answerBytesMax = Math.max(this.answerBytesMax, answer.body.byteLength);
        return answer;
      }
      return { status: refusal.status, headers: { "content-type": "application/xml" }, body: Buffer.from(`<Error><Code>${refusal.code}</Code><Message>No.</Message></Error>`), url: request.url };
    },
  };

  async #send(work: (client: ReturnType<typeof s3Client>) => Promise<unknown>): Promise<void> {
    const client = s3Client(this.#server.fields, new GuardedRequestHandler(this.#server.http, { timeoutMs: 10_000, maxResponseBytes: 1_000_000, signal: new AbortController().signal }));
    await work(client);
    client.destroy();
  }
}
