#!/usr/bin/env node
// Prisma's schema engine on the WebAssembly build that npm carries: JSON-RPC lines over stdio, as the native engine speaks them.
// Use: PRISMA_SCHEMA_ENGINE_BINARY=<this file> npx prisma migrate deploy | status | diff …
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from "@prisma/driver-adapter-utils";
import * as engineModule from "@prisma/schema-engine-wasm/schema_engine_bg";
import pg from "pg";

// The engine reports its panics here before it aborts.
globalThis.PRISMA_WASM_PANIC_REGISTRY = { set_message: (message) => process.stderr.write(`schema engine panic: ${message}\n`) };
const wasm = readFileSync(new URL("schema_engine_bg.wasm", import.meta.resolve("@prisma/schema-engine-wasm/schema_engine_bg")));
const { instance } = await WebAssembly.instantiate(wasm, { "./schema_engine_bg.js": engineModule });
engineModule.__wbg_set_wasm(instance.exports);
instance.exports.__wbindgen_start();

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: false,
  options: { version: { type: "boolean" }, datasource: { type: "string" }, datamodels: { type: "string", multiple: true } },
});
if (values.version) {
  console.log(`schema-engine-wasm ${engineModule.version()}`);
  process.exit(0);
}

const CHAR = 18, TEXT = 25; // oids: the engine's catalog queries return the internal "char", which the adapter does not know
const charAsText = (result) => {
  for (const r of [result].flat()) for (const f of r?.fields ?? []) if (f.dataTypeID === CHAR) f.dataTypeID = TEXT;
  return result;
};
class CatalogClient extends pg.Client {
  query(...args) {
    const done = args.at(-1);
    if (typeof done === "function") return super.query(...args.slice(0, -1), (error, result) => done(error, charAsText(result)));
    const pending = super.query(...args);
    return typeof pending?.then === "function" ? pending.then(charAsText) : pending;
  }
}

const url = new URL(values.datasource ? JSON.parse(values.datasource).url : process.env.DATABASE_URL);
const connection = {
  host: url.hostname,
  port: Number(url.port || 5432),
  user: decodeURIComponent(url.username),
  password: decodeURIComponent(url.password) || undefined,
  database: url.pathname.slice(1),
  max: 1, // the migration lock belongs to one session
  Client: CatalogClient,
};

if (positionals[0] === "cli") {
  // `can-connect-to-database`: exit 0 or say why not.
  const client = new pg.Client(connection);
  await client.connect().then(() => client.end()).catch((error) => { console.error(error.message); process.exit(1); });
  process.exit(0);
}

const send = (message) => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }));
/** A migration goes to the server whole: the adapter would cut it at every semicolon, also inside of function bodies and comments. */
class ScriptAdapterFactory extends PrismaPg {
  async connect() {
    const adapter = await super.connect();
    adapter.executeScript = async (script) => void (await adapter.client.query(script));
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      // The kind of a check constraint is the one "char" that the engine reads as a character, not as text.
      const kind = result.columnNames.indexOf("constraint_type");
      if (kind >= 0) result.columnTypes[kind] = ColumnTypeEnum.Character;
      return result;
    };
    return adapter;
  }
}

let engine;
for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const { id, method, params } = JSON.parse(line);
  try {
    engine ??= await engineModule.SchemaEngine.new({ datamodels: undefined }, () => {}, bindMigrationAwareSqlAdapterFactory(new ScriptAdapterFactory(connection)));
    const result = await (method === "getDatabaseVersion" ? engine.version(params) : engine[method](params));
    if (method === "diff" && typeof result?.stdout === "string") send({ id: id + 1_000_000, method: "print", params: { content: result.stdout } });
    send({ id, result: result ?? null });
  } catch (error) {
    const data = { is_panic: false, message: error.message, meta: error.meta ?? null, error_code: error.code ?? null };
    send({ id, error: { code: 4466, message: "An error happened. Check the data field for details.", data } });
  }
}
process.exit(0);
