import { connect, createServer, type AddressInfo } from "node:net";

/** Somebody on the path who takes STARTTLS out of what the server offers, and notes what the client says. */
export interface Stripper {
  readonly port: number;
  readonly connections: () => number;
  /** Everything that clients sent. */
  readonly heard: () => string;
  stop(): Promise<void>;
}

export async function startStripper(port: number): Promise<Stripper> {
  let heard = "";
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(port, "127.0.0.1");
    client.on("data", (chunk) => {
      heard += chunk.toString("latin1");
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => client.write(chunk.toString("latin1").replaceAll(" STARTTLS", ""), "latin1"));
    for (const socket of [client, upstream]) socket.on("error", () => undefined);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    heard: () => heard,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
