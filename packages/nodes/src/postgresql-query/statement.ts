import { NodeError } from "@fluxo/core/errors/node-error";
import type { Json, JsonObject } from "@fluxo/core/json";
import pg from "pg";
import { jsonFromSql } from "./sql-value.ts";

export interface Statement {
  readonly sql: string;
  readonly values: readonly Json[];
  readonly rowsMax: number;
  readonly bytesMax: number;
}

export interface StatementResult {
  readonly rows: JsonObject[];
  readonly rowCount: number;
  readonly command: string;
}

/** What the client calls on a query while its answer comes in, beside what its types tell. */
interface QueryHooks {
  handlePortalSuspended(connection: pg.Connection): void;
  handleCopyInResponse(): void;
  handleDataRow(message: { readonly fields: readonly (string | null)[] }): void;
}

/**
 * Runs one statement by the extended protocol, which takes no second one, and asks the server for one row more than allowed and no further.
 * The client must leave values as text.
 * @throws NodeError OUTPUT_TOO_LARGE (DATA), PROVIDER_REJECTED (DATA) for columns of the same name; what the server or the connection says
 */
export async function runStatement(client: pg.Client, { sql, values, rowsMax, bytesMax }: Statement): Promise<StatementResult> {
  const answer = Promise.withResolvers<pg.QueryArrayResult<(string | null)[]>>();
  const config = { text: sql, values: [...values], rowMode: "array", rows: rowsMax + 1, queryMode: "extended" };
  const query = new pg.Query<(string | null)[], Json[]>(config, (error: Error | null | undefined, result: unknown) => {
    if (error === null || error === undefined) answer.resolve(result as pg.QueryArrayResult<(string | null)[]>);
    else answer.reject(error);
  });
  const keepRow = Reflect.get(query, "handleDataRow") as QueryHooks["handleDataRow"];
  let bytes = 0;
  const hooks: QueryHooks = {
    // One row too many has come by now; the rest stays with the server.
    handlePortalSuspended: (connection) => connection.sync(),
    handleCopyInResponse: () => answer.reject(new NodeError("COPY FROM STDIN has nothing to read here.", { errorClass: "DATA", code: "PROVIDER_REJECTED" })),
    handleDataRow: (message) => {
      bytes += message.fields.reduce((sum, field) => sum + (field?.length ?? 0), 0);
      if (bytes <= bytesMax) keepRow.call(query, message);
      else answer.reject(tooLarge(`more than ${bytesMax} bytes`));
    },
  };
  client.query(Object.assign(query, hooks));
  const { rows, fields, rowCount, command } = await answer.promise;
  if (rows.length > rowsMax) throw tooLarge(`more than ${rowsMax} rows`);
  const names = fields.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new NodeError(`The result has two columns named ${twice}: name them apart with AS.`, { errorClass: "DATA", code: "PROVIDER_REJECTED" });
  return {
    rows: rows.map((row) => Object.fromEntries(fields.map(({ name, dataTypeID }, index) => [name, jsonFromSql(dataTypeID, row[index] ?? null)]))),
    rowCount: rowCount ?? rows.length,
    command: command ?? "",
  };
}

function tooLarge(what: string): NodeError {
  return new NodeError(`The statement gives ${what}: ask for less, or raise the limit.`, { errorClass: "DATA", code: "OUTPUT_TOO_LARGE" });
}
