import pg from "pg";
import { receiver } from "./receive.ts";
import { readSettings } from "./settings.ts";

// Baseline of the ingress: the bare one, and one prepared INSERT per request that is committed before the answer.
const { port, secret, databaseUrl } = readSettings();
const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
await pool.query("CREATE TABLE IF NOT EXISTS received (id uuid PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now(), body jsonb NOT NULL)");
const app = receiver(secret, async (id, body) => {
  await pool.query({ name: "receive", text: "INSERT INTO received (id, body) VALUES ($1, $2)", values: [id, JSON.stringify(body)] });
});
app.listen(port, "127.0.0.1");
