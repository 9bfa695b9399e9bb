import { connect, createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Json, JsonObject } from "@fluxo/core/json";
import type { NodeContext } from "@fluxo/core/node/executor";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import type { DialTarget } from "@fluxo/core/ports/dial";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeErrorOf } from "../testing/failures.ts";
import { localDialer } from "../testing/local-dialer.ts";
import { MemoryCredentials } from "../testing/memory-credentials.ts";
import { nodeContext } from "../testing/node-context.ts";
import { TEST_CERTIFICATE, TEST_CERTIFICATE_KEY } from "@fluxo/test/support/tls-fixture";
import { postgresqlQuery } from "./definition.ts";

const CREDENTIAL = "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a15";
const admin = new URL(process.env["FLUXO_TEST_DATABASE_URL"] ?? "postgres://postgres@127.0.0.1:5432/postgres");
const TABLE = `query_node_${process.pid}`;

type DatabaseFields = Extract<OpenCredential, { kind: "database" }>["fields"];

let db: pg.Client;
beforeAll(async () => {
  db = new pg.Client({ connectionString: admin.href });
  await db.connect();
  await db.query(`CREATE TABLE ${TABLE} (id int PRIMARY KEY, name text CHECK (name <> 'bad'))`);
});
afterAll(async () => {
  await db.query(`DROP TABLE ${TABLE}`);
  await db.end();
});

const fields: DatabaseFields = {
  host: "db.example.com", port: 5432, database: admin.pathname.slice(1), username: decodeURIComponent(admin.username), password: decodeURIComponent(admin.password), tls: "disable",
};

function contextFor(given: Partial<DatabaseFields> = {}, parts: Partial<NodeContext> = {}, port = Number(admin.port), seen: DialTarget[] = []): NodeContext {
  const credential: OpenCredential = { id: CREDENTIAL, kind: "database", fields: { ...fields, ...given }, accessToken: undefined };
  return nodeContext({ dial: localDialer(port, seen), credentials: new MemoryCredentials([credential]), ...parts });
}

async function run(params: JsonObject, context = contextFor()): Promise<Json> {
  const result = await executeNode("postgresql.query", { credential: CREDENTIAL, ...params }, context);
  return result.kind === "done" ? result.output : result.kind;
}

const countRows = async (): Promise<number> => (await db.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${TABLE}`)).rows[0]?.n ?? -1;

/** A server that does `greet` with whoever connects. */
async function withServer<R>(greet: (socket: Socket) => void, use: (port: number) => Promise<R>): Promise<R> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    greet(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  try {
    return await use(typeof address === "object" && address !== null ? address.port : 0);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe("the result", () => {
  test.each<[string, Json]>([
    ["1::int2", 1],
    ["-2147483648", -2147483648],
    ["9007199254740993", "9007199254740993"],
    ["1.10::numeric", "1.10"],
    ["0.1::float8", 0.1],
    ["'NaN'::float8", "NaN"],
    ["true", true],
    ["NULL::int", null],
    ["''::text", ""],
    ["'ü€😀'::text", "ü€😀"],
    ["'{\"a\":[1,null]}'::jsonb", { a: [1, null] }],
    ["'null'::json", null],
    ["'2026-03-29 02:30:00+02'::timestamptz", "2026-03-29T00:30:00Z"],
    ["'2026-03-29 02:30:00.123456'::timestamptz", "2026-03-29T02:30:00.123456Z"],
    ["'2026-03-29 02:30:00.5'::timestamp", "2026-03-29T02:30:00.5"],
    ["'2026-03-29'::date", "2026-03-29"],
    ["'26 hours 1 day'::interval", "P1DT26H"],
    ["'\\x00ff'::bytea", "AP8="],
    ["'{1,2}'::int[]", [1, 2]],
    ["ARRAY['a,b', NULL, 'c\"d']", ["a,b", null, 'c"d']],
    ["ARRAY['{\"a\":1}'::jsonb]", [{ a: 1 }]],
    ["ARRAY['2026-01-01Z'::timestamptz]", ["2026-01-01T00:00:00Z"]],
    ["'6f1c0f0e-0000-4000-8000-000000000000'::uuid", "6f1c0f0e-0000-4000-8000-000000000000"],
    ["'[1,5)'::int4range", "[1,5)"],
  ])("%s", async (expression, value) => {
    expect(await run({ sql: `SELECT ${expression} AS v`, readOnly: true })).toEqual({ rows: [{ v: value }], rowCount: 1, command: "SELECT" });
  });

  test("names columns as they are, refuses two of one name, and has no rows for statements without", async () => {
    expect(await run({ sql: 'SELECT 1 AS "__proto__", 2 AS "constructor"' })).toEqual({ rows: [Object.fromEntries([["__proto__", 1], ["constructor", 2]])], rowCount: 1, command: "SELECT" });
    await expect(run({ sql: "SELECT 1 AS a, 2 AS a" })).rejects.toMatchObject({ errorClass: "DATA", message: expect.stringContaining("two columns named a") });
    expect(await run({ sql: `DELETE FROM ${TABLE} WHERE id = -1` })).toEqual({ rows: [], rowCount: 0, command: "DELETE" });
  });
});

describe("values", () => {
  test("go apart from the statement, whatever they hold", async () => {
    const evil = `'); DROP TABLE ${TABLE}; --`;
    expect(await run({ sql: "SELECT $1::text AS t, $2::int AS i, $3::bool AS b, $4::jsonb AS j, $5::text AS n, $6::text[] AS a", values: [evil, 7, true, { x: [1, "\"'"] }, null, ["a,b", '"}']] })).toMatchObject({
      rows: [{ t: evil, i: 7, b: true, j: { x: [1, "\"'"] }, n: null, a: ["a,b", '"}'] }],
    });
    expect(await countRows()).toBeGreaterThanOrEqual(0);
  });

  test.each(["SELECT 1; SELECT 2", `SELECT 1; DROP TABLE ${TABLE}`, "COMMIT; SELECT 1"])("several statements are refused: %s", async (sql) => {
    await expect(run({ sql })).rejects.toMatchObject({ code: "PROVIDER_REJECTED", message: expect.stringContaining("42601") });
  });

  test("the statement is not a template", () => {
    expect(postgresqlQuery.literalParams).toEqual(["sql"]);
  });
});

describe("the transaction", () => {
  test("is committed once, and undone by a failure, by too many rows or bytes, and by a time-out", async () => {
    const before = await countRows();
    expect(await run({ sql: `INSERT INTO ${TABLE} VALUES ($1, 'a') RETURNING id`, values: [1] })).toEqual({ rows: [{ id: 1 }], rowCount: 1, command: "INSERT" });
    await expect(run({ sql: `INSERT INTO ${TABLE} SELECT i, 'a' FROM generate_series(10, 20) i RETURNING id`, rowsMax: 10 })).rejects.toMatchObject({ errorClass: "DATA", code: "OUTPUT_TOO_LARGE", nothingDone: true });
    await expect(run({ sql: `INSERT INTO ${TABLE} SELECT i, repeat('x', 1000000) FROM generate_series(10, 30) i RETURNING *` })).rejects.toMatchObject({ code: "OUTPUT_TOO_LARGE" });
    await expect(run({ sql: `INSERT INTO ${TABLE} SELECT 10 + i, 'a' FROM generate_series(1, 2) i, pg_sleep(2)`, statementTimeoutMs: 100 })).rejects.toMatchObject({ errorClass: "TIMEOUT", code: "NODE_TIMEOUT", nothingDone: true });
    await expect.poll(countRows).toBe(before + 1);
  });

  test("gives exactly as many rows as allowed", async () => {
    const output = await run({ sql: "SELECT generate_series(1, 1000) AS i", readOnly: true });
    expect(output).toMatchObject({ rowCount: 1_000 });
    await expect(run({ sql: "SELECT generate_series(1, 100000000) AS i", readOnly: true })).rejects.toMatchObject({ code: "OUTPUT_TOO_LARGE" });
  });

  test("changes nothing with readOnly", async () => {
    await expect(run({ sql: `INSERT INTO ${TABLE} VALUES (99, 'a')`, readOnly: true })).rejects.toMatchObject({ code: "PROVIDER_REJECTED", message: expect.stringContaining("25006") });
    expect((await db.query(`SELECT 1 FROM ${TABLE} WHERE id = 99`)).rows).toEqual([]);
  });

  test("copying in or out gives nothing and hangs nowhere", async () => {
    await expect(run({ sql: `COPY ${TABLE} FROM STDIN` })).rejects.toMatchObject({ code: "PROVIDER_REJECTED" });
    expect(await run({ sql: `COPY (SELECT 1) TO STDOUT` })).toMatchObject({ rows: [] });
  });
});

describe("failures", () => {
  test.each<[string, string, string]>([
    ["SELEC 1", "42601", "DATA/PROVIDER_REJECTED"],
    ["SELECT 1/0", "22012", "DATA/PROVIDER_REJECTED"],
    [`INSERT INTO ${TABLE} VALUES (1000, 'bad')`, "23514", "DATA/PROVIDER_REJECTED"],
    ["DO $$ BEGIN RAISE 'x' USING ERRCODE = '40001'; END $$", "40001", "SERVER/PROVIDER_FAILED"],
    ["DO $$ BEGIN RAISE 'x' USING ERRCODE = '53300'; END $$", "53300", "SERVER/PROVIDER_FAILED"],
    ["SELECT pg_terminate_backend(pg_backend_pid())", "57P01", "CONNECTION/CONNECTION_FAILED"],
  ])("%s", async (sql, state, expected) => {
    const error = await nodeErrorOf(run({ sql }));
    expect([`${error.errorClass}/${error.code}`, error.nothingDone]).toEqual([expected, true]);
    expect(error.message).toContain(state);
  });

  test("a constraint that is checked at the commit has changed nothing", async () => {
    await db.query(`CREATE TABLE ${TABLE}_late (id int REFERENCES ${TABLE} DEFERRABLE INITIALLY DEFERRED)`);
    const error = await nodeErrorOf(run({ sql: `INSERT INTO ${TABLE}_late VALUES (-5)` }));
    await db.query(`DROP TABLE ${TABLE}_late`);
    expect([error.code, error.nothingDone, error.message.includes("23503")]).toEqual(["PROVIDER_REJECTED", true, true]);
  });

  test("a login that is refused, and a database that is not there", async () => {
    const refused = await nodeErrorOf(run({ sql: "SELECT 1" }, contextFor({ username: "nobody_of_this_name", password: "not-the-secret" })));
    expect(refused).toMatchObject({ errorClass: "CREDENTIAL", code: "CREDENTIAL_REJECTED" });
    expect(refused.message).not.toContain("not-the-secret");
    await expect(run({ sql: "SELECT 1" }, contextFor({ database: "not_there" }))).rejects.toMatchObject({ code: "PROVIDER_REJECTED", message: expect.stringContaining("3D000") });
  });

});

describe("the connection", () => {
  test("a server without TLS gets neither login nor statement", async () => {
    const heard: Buffer[] = [];
    const error = await withServer(
      (socket) => {
        socket.on("data", (data) => {
          heard.push(data);
          socket.write("N");
        });
      },
      (port) => nodeErrorOf(run({ sql: "SELECT 1" }, contextFor({ tls: "verify" }, {}, port))),
    );
    expect(error).toMatchObject({ errorClass: "CONNECTION", code: "CONNECTION_FAILED", nothingDone: true });
    expect(Buffer.concat(heard)).toHaveLength(8);
  });

  test("TLS checks the server's certificate for its name before the login", async () => {
    const upgrades: boolean[] = [];
    const attempt = (given: Partial<DatabaseFields>): Promise<Json> =>
      withServer(
        (socket) => {
          socket.once("data", () => {
            socket.write("S");
            const secure = new TLSSocket(socket, { isServer: true, cert: TEST_CERTIFICATE, key: TEST_CERTIFICATE_KEY });
            secure.on("error", () => undefined);
            secure.once("secure", () => upgrades.push(true));
            const upstream = connect(Number(admin.port), admin.hostname).on("error", () => undefined);
            secure.pipe(upstream).pipe(secure);
            secure.once("close", () => upstream.destroy());
          });
        },
        (port) => run({ sql: "SELECT 1 AS one" }, contextFor({ tls: "verify", ...given }, {}, port)),
      );
    expect(await attempt({ host: "secure.test", ca: TEST_CERTIFICATE })).toMatchObject({ rows: [{ one: 1 }] });
    expect(upgrades).toEqual([true]);
    await expect(attempt({ host: "other.test", ca: TEST_CERTIFICATE })).rejects.toMatchObject({ code: "CONNECTION_FAILED", message: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID") });
    await expect(attempt({ host: "secure.test" })).rejects.toMatchObject({ code: "CONNECTION_FAILED", message: expect.stringContaining("SELF_SIGNED") });
  });

  test("nothing of the worker's environment goes to the tenant's server", async () => {
    const heard: Buffer[] = [];
    process.env["PGPASSWORD"] = "of-the-worker";
    try {
      const { password: _none, ...without } = fields;
      await withServer(
        (socket) => {
          socket.on("data", (data) => {
            heard.push(data);
            // AuthenticationCleartextPassword, then nothing more.
            if (heard.length === 1) socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
            else socket.end();
          });
        },
        (port) => nodeErrorOf(run({ sql: "SELECT 1" }, nodeContext({ dial: localDialer(port), credentials: new MemoryCredentials([{ id: CREDENTIAL, kind: "database", fields: without, accessToken: undefined }]) }))),
      );
    } finally {
      delete process.env["PGPASSWORD"];
    }
    expect(heard).toHaveLength(2);
    expect(Buffer.concat(heard).toString("latin1")).not.toContain("of-the-worker");
  });

  test("silence ends with the time-out, and with the signal's reason when that is first", async () => {
    const silent = async (port: number): Promise<void> => {
      await expect(run({ sql: "SELECT 1" }, contextFor({}, { timeoutMs: 150 }, port))).rejects.toMatchObject({ code: "NODE_TIMEOUT", nothingDone: true });
      const controller = new AbortController();
      const reason = new Error("canceled");
      const attempt = run({ sql: "SELECT 1" }, contextFor({}, { signal: controller.signal }, port)).catch((error: unknown) => error);
      controller.abort(reason);
      expect(await attempt).toBe(reason);
    };
    await withServer(() => undefined, silent);
    await expect(run({ sql: "SELECT pg_sleep(5)" }, contextFor({}, { timeoutMs: 200 }))).rejects.toMatchObject({ code: "NODE_TIMEOUT" });
  });

  test("is dialed as named, and the dialer starts no TLS: the protocol does", async () => {
    const seen: DialTarget[] = [];
    await run({ sql: "SELECT 1", readOnly: true }, contextFor({}, {}, undefined, seen));
    expect(seen).toMatchObject([{ protocol: "postgresql", host: "db.example.com", port: 5432, tls: false }]);
  });
});

test("guards the repeat unless nothing can have changed, or a repeat is said to be fine", () => {
  const raw = [{}, { readOnly: false }, { readOnly: "{{ trigger.body.mode }}" }, { readOnly: true }, { onUncertain: "repeat" }, { onUncertain: "{{ trigger.body.mode }}" }];
  expect(raw.map((params) => postgresqlQuery.guardsRepeat?.(params))).toEqual([true, true, true, false, false, true]);
});
