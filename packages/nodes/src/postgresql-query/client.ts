import type { Socket } from "node:net";
import type { CredentialFields } from "@fluxo/core/credentials/kinds";
import pg from "pg";

export type Database = CredentialFields["database"];

/**
 * A client that speaks over a socket that is connected already. Everything that it would otherwise look for in the worker's environment or home folder
 * (PGPASSWORD, PGSSLMODE, .pgpass, …) is said.
 */
export function clientOver(socket: Socket, host: string, { port, database, username, password, tls, ca }: Database, timeoutMs: number): pg.Client {
  Object.defineProperty(socket, "connect", {
    value: () => {
      setImmediate(() => socket.emit("connect"));
      return socket;
    },
  });
  const client = new pg.Client({
    stream: () => socket,
    host,
    port,
    database,
    user: username,
    password: () => password ?? "",
    ssl: tls === "verify" && { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
    application_name: "fluxo",
    client_encoding: "UTF8",
    connectionTimeoutMillis: timeoutMs,
    types: { getTypeParser: () => (text: string) => text },
  });
  client.on("error", () => undefined);
  return client;
}
