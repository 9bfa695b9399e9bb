import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import type { HttpPort } from "@fluxo/core/ports/http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import S3rver from "s3rver";
import { sendToPort } from "./provider.ts";
import { isSigned } from "./s3-signature.ts";

const SECRET = "S3RVER";

const REFUSAL = "<Error><Code>SignatureDoesNotMatch</Code><Message>The request signature we calculated does not match the signature you provided.</Message></Error>";

/** A real server that speaks S3, on a free port of the loopback interface. It does not check signatures of version 4, so the port before it does. */
export class S3Server implements AsyncDisposable {
  readonly http: HttpPort;
  readonly fields: CredentialFields["s3"];
  readonly #server: S3rver;
  readonly #directory: string;

  private constructor(server: S3rver, directory: string, port: number) {
    this.#server = server;
    this.#directory = directory;
    this.http = {
      send: async (request) =>
        isSigned(request, SECRET)
          ? sendToPort(port, request)
          : { status: 403, headers: { "content-type": "application/xml" }, body: Buffer.from(REFUSAL), url: request.url },
    };
    this.fields = { endpoint: `http://127.0.0.1:${port}`, region: "us-east-1", forcePathStyle: true, accessKeyId: "S3RVER", secretAccessKey: SECRET };
  }

  static async start(bucket: string): Promise<S3Server> {
    const directory = await mkdtemp(join(tmpdir(), "fluxo-s3-"));
    const server = new S3rver({ address: "127.0.0.1", port: 0, silent: true, directory, vhostBuckets: false, configureBuckets: [{ name: bucket }] });
    const { port } = await server.run();
    return new S3Server(server, directory, port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close();
    await rm(this.#directory, { recursive: true, force: true });
  }
}
