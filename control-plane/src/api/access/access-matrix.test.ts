import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES } from "@fluxo/contracts/http/routes";
import { expect, test } from "vitest";
import { MATRIX_CALLERS, mayCall } from "../testing/access-matrix.ts";

const routes: readonly RouteDefinition[] = Object.values(ROUTES);

test("docs/access-matrix.md has every operation and every kind of caller (after a change: npx vitest run --project unit control-plane/src/api/access -u)", async () => {
  const columns = MATRIX_CALLERS.map(({ name }) => name);
  const rows = routes.map((route) => `| \`${route.operationId}\` | ${route.scope === "public" || route.scope === "authenticated" ? route.scope : `\`${route.scope}\``} | ${route.subject} | ${MATRIX_CALLERS.map((caller) => (mayCall(route, caller) ? "✓" : "")).join(" | ")} |`);
  const head = `| operation | scope | about | ${columns.join(" | ")} |\n|---|---|---|${columns.map(() => "---|").join("")}`;
  const text = `# Who may call what\n\nGenerated from the route table and the table of roles; a test asks every operation as every kind of caller. Keys are those that carry every scope of their kind. [Access](access.md) explains the words.\n\n${head}\n${rows.join("\n")}\n`;
  await expect(text).toMatchFileSnapshot("../../../../docs/access-matrix.md");
});

test("every operation is somebody's", () => {
  for (const route of routes) expect([route.operationId, MATRIX_CALLERS.some((caller) => mayCall(route, caller))]).toEqual([route.operationId, true]);
});
