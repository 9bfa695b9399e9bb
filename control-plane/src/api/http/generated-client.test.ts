import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Validator } from "@seriousme/openapi-schema-validator";
import openapiTS, { astToString } from "openapi-typescript";
import ts from "typescript";
import { expect, test } from "vitest";
import { z } from "zod";

const documentUrl = new URL("../../../../docs/openapi.json", import.meta.url);
/** Inside of the tree, so that packages are found from there. */
const cache = fileURLToPath(new URL("../../../../node_modules/.cache/", import.meta.url));

const USE = `import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1", headers: { authorization: "Bearer flx" } });

export async function use(): Promise<components["schemas"]["Workflow"] | undefined> {
  const created = await client.POST("/v1/workflows", { params: { header: { "Idempotency-Key": "a" } }, body: { name: "Welcome" } });
  if (created.error !== undefined) {
    const code: string = created.error.code;
    throw new Error(code);
  }
  const workflowId: string = created.data.id;
  const listed = await client.GET("/v1/executions", { params: { query: { status: ["FAILED"], limit: 10, fields: "id,status" } } });
  const status: "QUEUED" | "RUNNING" | "WAITING" | "SUCCESS" | "FAILED" | "BLOCKED" | "CANCELED" | undefined = listed.data?.data[0]?.status;
  const changed = await client.PATCH("/v1/workflows/{workflowId}", { params: { path: { workflowId }, header: { "If-Match": '"x"' } }, body: { name: status ?? "none" } });
  const entry: components["schemas"]["AuditEntry"] | undefined = (await client.GET("/v1/audit-entries", { params: { query: { action: "updateWorkflow" } } })).data?.data[0];
  // @ts-expect-error a field that there is not
  await client.POST("/v1/workflows", { body: { nam: entry?.action ?? "" } });
  // @ts-expect-error a path that there is not
  await client.GET("/v1/nothing");
  // @ts-expect-error a parameter of the path is missing
  await client.GET("/v1/workflows/{workflowId}", {});
  return changed.data;
}
`;

test("the document is a valid OpenAPI 3.1 document", async () => {
  const result = await new Validator().validate(z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(documentUrl, "utf8"))));
  expect(result).toMatchObject({ valid: true });
});

test("a client that is generated from it compiles, and refuses what the API refuses", async () => {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, "client-"));
  try {
    writeFileSync(join(folder, "api.ts"), astToString(await openapiTS(documentUrl)));
    writeFileSync(join(folder, "use.ts"), USE);
    const program = ts.createProgram([join(folder, "use.ts")], {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
      types: [],
    });
    const found = ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => `${file?.fileName.split("/").at(-1) ?? ""}:${file?.getLineAndCharacterOfPosition(start).line ?? 0} ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
    expect(found).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
