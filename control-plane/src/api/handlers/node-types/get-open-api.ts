import { ROUTES, type Routes } from "@fluxo/contracts/http/routes";
import type { Handler } from "../../http/handler.ts";
import { openApiDocument } from "../../http/openapi.ts";

let document: Record<string, unknown> | undefined;

/** GET /openapi.json */
export const getOpenApi: Handler<Routes["getOpenApi"]> = () => {
  document ??= { ...openApiDocument(ROUTES) };
  return { status: 200, body: document };
};
