import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A secret where code could find one: in a file, in the environment of this process, behind a local server that counts who calls. */
export class Canary implements AsyncDisposable {
  readonly secret = `canary-${process.pid}-${Date.now()}`;
  readonly file: string;
  readonly target: string;
  hits = 0;
  url = "";
  readonly #folder = mkdtempSync(join(tmpdir(), "fluxo-canary-"));
  readonly #server = createServer((_request, response) => {
    this.hits += 1;
    response.end(this.secret);
  });

  private constructor() {
    this.file = join(this.#folder, "secret");
    this.target = join(this.#folder, "written");
    writeFileSync(this.file, this.secret);
    process.env["FLUXO_CANARY"] = this.secret;
  }

  static async start(): Promise<Canary> {
    const canary = new Canary();
    await new Promise<void>((resolve) => {
      canary.#server.listen(0, "127.0.0.1", resolve);
    });
    const address = canary.#server.address();
    canary.url = typeof address === "object" && address !== null ? `http://127.0.0.1:${address.port}/` : "";
    return canary;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    delete process.env["FLUXO_CANARY"];
    rmSync(this.#folder, { recursive: true, force: true });
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
