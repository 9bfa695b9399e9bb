import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Somebody on the path to a server: counts connections, cuts them, or lets nothing through without a word. */
export interface TcpGate {
  readonly port: number;
  /** Connections that are open now, and how many there have been. */
  readonly open: () => number;
  readonly total: () => number;
  /** Most that were open at one time. */
  readonly most: () => number;
  /** Lets nothing through any more, in either direction; connections stay open, new ones too. */
  freeze(): void;
  /** Lets everything through again that comes from now on; what was open is cut. */
  thaw(): void;
  stop(): Promise<void>;
}

export async function startTcpGate(port: number): Promise<TcpGate> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let [total, most, isFrozen] = [0, 0, false];
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const pair = [client, upstream] as const;
    pairs.add(pair);
    total += 1;
    most = Math.max(most, pairs.size);
    client.on("data", (chunk) => void (isFrozen || upstream.write(chunk)));
    upstream.on("data", (chunk) => void (isFrozen || client.write(chunk)));
    for (const socket of pair) socket.on("error", () => undefined);
    client.on("close", () => {
      pairs.delete(pair);
      upstream.destroy();
    });
    upstream.on("close", () => void (isFrozen || client.destroy()));
  });
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
  };
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    open: () => pairs.size,
    total: () => total,
    most: () => most,
    freeze: () => {
      isFrozen = true;
    },
    thaw: () => {
      isFrozen = false;
      cut();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
