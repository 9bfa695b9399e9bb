import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ERROR_CODES } from "./codes.ts";

const document = readFileSync(new URL("../../../../docs/errors.md", import.meta.url), "utf8");
const rows = [...document.matchAll(/^\| `([A-Z_]+)` \| (\d{3}|–) \| (\w+) \| ([^|]+) \| ([^|]+) \|$/gm)];

test("docs/errors.md documents every code as it is, and no other", () => {
  const documented = Object.fromEntries(rows.map(([, code, http, audience, title]) => [code, { ...(http === "–" ? {} : { http: Number(http) }), audience, title }]));
  expect(documented).toEqual(ERROR_CODES);
  expect(rows).toHaveLength(Object.keys(ERROR_CODES).length);
});

test("every code says what to do", () => {
  for (const [, code, , , , remedy] of rows) expect(remedy?.trim().length, code).toBeGreaterThan(10);
});
