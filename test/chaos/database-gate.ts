import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { History } from "./history.ts";
import type { SeededRandom } from "./random.ts";

/** Statements of the product that write and commit by themselves, and the end of a transaction. */
const COMMITS =
  /\bfluxo_(?:intake|claim|record|settle|heartbeat|relay_\w+|sweep|cancel|drain|start_children|remember|hold_ai_tokens|settle_hold|schedule_commit|dispatch_\w+|usage_roll)\b|^\s*(?:INSERT|UPDATE|DELETE|COMMIT)\b/i;
const HEADER_BYTES = 5;

/** Cuts a stream of PostgreSQL's protocol (version 3) into messages: a type of one byte, a length that counts itself, the content. */
class MessageReader {
  #rest = Buffer.alloc(0);
  #isUntyped: boolean;

  /** @param isUntyped whether the first message has no type, as what a client sends first */
  constructor(isUntyped: boolean) {
    this.#isUntyped = isUntyped;
  }

  read(chunk: Buffer): { readonly type: string; readonly content: Buffer }[] {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const messages: { type: string; content: Buffer }[] = [];
    for (;;) {
      const start = this.#isUntyped ? 0 : 1;
      if (this.#rest.length < HEADER_BYTES) return messages;
      const end = start + this.#rest.readUInt32BE(start);
      if (this.#rest.length < end) return messages;
      messages.push({ type: this.#isUntyped ? "startup" : String.fromCodePoint(this.#rest[0] ?? 0), content: this.#rest.subarray(start + 4, end) });
      this.#rest = this.#rest.subarray(end);
      this.#isUntyped = false;
    }
  }
}

/** The text up to the next zero byte, and where what follows begins. */
function readText(content: Buffer, offset: number): { readonly text: string; readonly next: number } {
  const end = content.indexOf(0, offset);
  return { text: content.toString("utf8", offset, end), next: end + 1 };
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * Stands between the services and PostgreSQL. It can let a commit happen and cut the connection before the answer, so that nobody knows whether it
 * did, and it can cut all connections at once.
 */
export class DatabaseGate {
  readonly #targetPort: number;
  readonly #history: History;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #cut: { readonly share: number; readonly random: SeededRandom } | undefined;
  #cuts = 0;

  private constructor(targetPort: number, history: History) {
    this.#targetPort = targetPort;
    this.#history = history;
    this.#server = createServer((client) => this.#link(client));
  }

  static async start(targetPort: number, history: History): Promise<DatabaseGate> {
    const gate = new DatabaseGate(targetPort, history);
    await new Promise<void>((resolve) => gate.#server.listen(0, "127.0.0.1", resolve));
    return gate;
  }

  /** The same database by way of this gate. */
  through(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  /** How many commits were done and not told. */
  get cuts(): number {
    return this.#cuts;
  }

  /** From now on that share of the commits is done and not told; undefined: none. */
  cutCommits(cut: { readonly share: number; readonly random: SeededRandom } | undefined): void {
    this.#cut = cut;
  }

  cutAll(): void {
    for (const link of this.#links) destroy(link);
  }

  async stop(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #link(client: Socket): void {
    const server = connect({ host: "127.0.0.1", port: this.#targetPort, noDelay: true });
    client.setNoDelay(true);
    const link = { client, server };
    this.#links.add(link);
    const fromClient = new MessageReader(true);
    const fromServer = new MessageReader(false);
    const statements = new Map<string, string>();
    let silenced: string | undefined;
    client.on("data", (chunk) => {
      for (const { type, content } of fromClient.read(chunk)) {
        const statement = statementOf(type, content, statements);
        if (statement !== undefined && this.#chooses(statement)) silenced = statement;
      }
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      // "Z": the server is ready for the next statement, so this one is committed.
      const isDone = fromServer.read(chunk).some(({ type }) => type === "Z");
      if (silenced === undefined) client.write(chunk);
      else if (isDone) {
        this.#cuts += 1;
        this.#history.add({ op: "cut", statement: silenced.slice(0, 60) });
        destroy(link);
      }
    });
    for (const socket of [client, server]) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        destroy(link);
        this.#links.delete(link);
      });
    }
  }

  #chooses(statement: string): boolean {
    return this.#cut !== undefined && COMMITS.test(statement) && this.#cut.random.next() < this.#cut.share;
  }
}

/** The text of the statement that a message executes. Prepared ones are kept by name. */
function statementOf(type: string, content: Buffer, statements: Map<string, string>): string | undefined {
  if (type === "Q") return readText(content, 0).text;
  if (type === "P") {
    const name = readText(content, 0);
    statements.set(name.text, readText(content, name.next).text);
  }
  return type === "B" ? statements.get(readText(content, readText(content, 0).next).text) : undefined;
}

function destroy({ client, server }: Link): void {
  client.destroy();
  server.destroy();
}
