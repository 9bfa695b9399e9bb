import { defineNode, MAIN_PORT } from "@fluxo/core/node/definition";
import { z } from "zod";
import { credentialIdSchema } from "../schemas/credential.ts";
import { jsonObjectSchema, jsonValueSchema } from "../schemas/json.ts";

const MAX_SQL_LENGTH = 50_000;
const MAX_VALUES = 1_000;
const MAX_ROWS = 10_000;

const paramsSchema = z.strictObject({
  credential: credentialIdSchema,
  sql: z
    .string()
    .min(1)
    .max(MAX_SQL_LENGTH)
    .regex(/^[^\0]*$/, "must not hold zero characters")
    .describe("One statement, with $1, $2, … in place of values. Taken as it is written: templates in it are not filled in."),
  values: z.array(jsonValueSchema).max(MAX_VALUES).default([]).describe("The values of $1, $2, …: templates belong here."),
  readOnly: z.boolean().default(false).describe("Runs the statement in a transaction that the server lets change nothing."),
  rowsMax: z.int().min(1).max(MAX_ROWS).default(1_000).describe("Most rows that the statement may give; with more of them the node fails, and nothing is changed."),
  statementTimeoutMs: z.int().min(1).max(300_000).default(30_000).describe("How long the server may work on the statement, in milliseconds; never longer than the node's own limit."),
  onUncertain: z
    .enum(["fail", "repeat"])
    .default("fail")
    .describe("What to do when nobody knows whether a change was committed: `fail` for good, or `repeat` it, which suits statements that may run twice (upserts). Without effect with `readOnly`."),
});

export type PostgresqlQueryParams = z.output<typeof paramsSchema>;

const outputSchema = z.strictObject({
  rows: z.array(jsonObjectSchema).describe("The rows, by column name."),
  rowCount: z.int().min(0).describe("Rows given or changed."),
  command: z.string().describe("What the statement was: SELECT, INSERT, …"),
});

const DOCS = `Runs one SQL statement on a PostgreSQL database of yours and gives its rows.

**Values are never part of the statement.** \`sql\` is taken as it is saved; what comes from outside goes into \`values\` and is sent apart from it. One node runs one
statement: several in one text are refused by the server.

**Transaction.** The statement runs in a transaction of its own, in the time zone UTC. It is undone when it fails, when it takes longer than \`statementTimeoutMs\`, or gives
more than \`rowsMax\` rows or 8 MiB. So statements that refuse transactions (\`VACUUM\`, \`CREATE DATABASE\`) cannot be run. With \`readOnly\` the server refuses every change.

**Values as they are sent.** Texts, numbers, booleans and null as such; arrays as PostgreSQL arrays (\`= ANY($1)\`); objects as JSON. An array as JSON: put it into an object,
or send its text to \`$1::jsonb\`.

**Types of the result.**

| PostgreSQL | JSON |
|---|---|
| smallint, integer, oid, real, double precision | number (NaN and infinities as text) |
| bigint, numeric, money | text, exact |
| boolean | boolean |
| json, jsonb | the value |
| timestamptz | text, ISO 8601 in UTC, with microseconds as stored: \`2026-01-05T07:00:00.5Z\` |
| timestamp, date, time | text, ISO 8601 without a zone |
| interval | text, ISO 8601: \`P1DT2H\` |
| bytea | text, base64 |
| arrays of these | array |
| everything else | text |

**Repeats.** A change whose commit was not confirmed is not repeated: the node fails with \`SIDE_EFFECT_UNCERTAIN\`. With \`readOnly\`, or \`onUncertain: "repeat"\`, it is tried
again. What failed before the commit has changed nothing and is tried again as its kind allows.

**Failures.** The message holds the SQLSTATE and the server's words.

| SQLSTATE | code | tried again |
|---|---|---|
| 08, 57P (connection, shutdown) | \`CONNECTION_FAILED\` | yes |
| 53, 40, 55P03, 58, XX (resources, serialization, deadlock, locks, system) | \`PROVIDER_FAILED\` | yes |
| 57014 (statement time-out) | \`NODE_TIMEOUT\` | yes |
| 28 (login) | \`CREDENTIAL_REJECTED\` | no |
| others: 22, 23, 42, … (data, constraints, syntax) | \`PROVIDER_REJECTED\` | no |`;

export const postgresqlQuery = defineNode({
  type: "postgresql.query",
  kind: "action",
  title: "PostgreSQL query",
  docs: DOCS,
  tier: "STARTER",
  params: paramsSchema,
  output: outputSchema,
  ports: () => MAIN_PORT,
  retryClass: "transient",
  sideEffect: "keyed",
  // A template may become either value, so it guards as well.
  guardsRepeat: ({ readOnly = false, onUncertain = "fail" }) => readOnly !== true && onUncertain !== "repeat",
  integration: "postgresql",
  credentials: [{ param: "credential", kinds: ["database"] }],
  literalParams: ["sql"],
  defaultTimeoutMs: 60_000,
  examples: [
    {
      title: "Read rows",
      params: {
        credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a15",
        sql: "SELECT id, name FROM customers WHERE country = $1 ORDER BY id LIMIT 50",
        values: ["{{ trigger.body.country }}"],
        readOnly: true,
      },
    },
    {
      title: "Write a row that may be written twice",
      params: {
        credential: "0a4f1c9e-7a55-4a43-9c0e-3f5d7e1b2a15",
        sql: "INSERT INTO orders (id, total) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET total = excluded.total",
        values: ["{{ trigger.body.id }}", "{{ trigger.body.total }}"],
        onUncertain: "repeat",
      },
    },
  ],
});
