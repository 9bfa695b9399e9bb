import type { Socket } from "node:net";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeContext, NodeExecutor } from "@fluxo/core/node/executor";
import type pg from "pg";
import { clientOver, type Database } from "./client.ts";
import type { PostgresqlQueryParams } from "./definition.ts";
import { sqlError } from "./sql-error.ts";
import { runStatement, type StatementResult } from "./statement.ts";

/** Bytes of values that a result may have. */
const RESULT_BYTES_MAX = 8_388_608;
/** What a server may send around the values before it is cut off: one message is held in memory until it is whole. */
const CONNECTION_BYTES_MAX = 2 * RESULT_BYTES_MAX;

/** How far an attempt came: from `commit` on, a change may have been made. */
interface Progress {
  stage: "before" | "commit";
}

/**
 * Runs one statement in a transaction of its own.
 * @throws NodeError by SQLSTATE (see `sqlError`), what the dialer throws, OUTPUT_TOO_LARGE; the reason of the signal
 */
export const executePostgresqlQuery: NodeExecutor<PostgresqlQueryParams> = async (params, context) => {
  context.signal.throwIfAborted();
  const { fields } = await context.credentials.open(params.credential, ["database"]);
  const { rows, rowCount, command } = await run(params, fields, context);
  return { kind: "done", output: { rows, rowCount, command } };
};

async function run(params: PostgresqlQueryParams, database: Database, context: NodeContext): Promise<StatementResult> {
  const host = database.host.replace(/^\[(.*)\]$/, "$1");
  const { timeoutMs } = context;
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(timeoutMs)]);
  const progress: Progress = { stage: "before" };
  let socket: Socket | undefined;
  try {
    socket = await context.dial.connect({ protocol: "postgresql", host, port: database.port, tls: false, timeoutMs, bytesMax: CONNECTION_BYTES_MAX, signal });
    return await transact(clientOver(socket, host, database, timeoutMs), params, timeoutMs, progress);
  } catch (error) {
    const nothingDone = params.readOnly || progress.stage === "before";
    if (context.signal.aborted) throw context.signal.reason;
    if (signal.aborted) throw new NodeError(`${host} did not answer within ${timeoutMs} ms.`, { errorClass: "TIMEOUT", code: "NODE_TIMEOUT", nothingDone, cause: error });
    throw sqlError(socket?.errored instanceof NodeError ? socket.errored : error, host, nothingDone);
  } finally {
    // Ends the session whatever it does; what was not committed is undone.
    socket?.destroy();
  }
}

async function transact(client: pg.Client, params: PostgresqlQueryParams, timeoutMs: number, progress: Progress): Promise<StatementResult> {
  await client.connect();
  await client.query(opening(params.readOnly, Math.min(params.statementTimeoutMs, timeoutMs)));
  const result = await runStatement(client, { sql: params.sql, values: params.values, rowsMax: params.rowsMax, bytesMax: RESULT_BYTES_MAX });
  progress.stage = "commit";
  await client.query("COMMIT");
  return result;
}

/** Local to the transaction, so that it holds behind poolers as well. */
function opening(readOnly: boolean, statementTimeoutMs: number): string {
  return [
    readOnly ? "BEGIN READ ONLY" : "BEGIN",
    `SET LOCAL statement_timeout = ${statementTimeoutMs}`,
    `SET LOCAL idle_in_transaction_session_timeout = ${statementTimeoutMs}`,
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL intervalstyle = 'iso_8601'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
  ].join("; ");
}
