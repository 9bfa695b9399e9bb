import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import express, { type Response, type Router } from "express";

const require = createRequire(import.meta.url);

/** Nothing from anywhere else, no code in the page itself, and no other page around it. Styles are set by scripts, which needs no permission. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Fluxo admin API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<noscript>This page needs JavaScript. The same is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

/** A key that is typed in stays in the memory of the page, and goes to this origin only. */
const START = `window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  filter: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  queryConfigEnabled: false,
  validatorUrl: null,
});
`;

/** The API reference for people, at `/docs`: Swagger UI from npm over this API's own document. Nothing of it comes from another host. */
export function referencePage(): Router {
  const router = express.Router({ caseSensitive: true, strict: true });
  const files = {
    "swagger-ui.css": { type: "text/css; charset=utf-8", content: readFileSync(require.resolve("swagger-ui-dist/swagger-ui.css")) },
    "swagger-ui-bundle.js": { type: "text/javascript; charset=utf-8", content: readFileSync(require.resolve("swagger-ui-dist/swagger-ui-bundle.js")) },
    "start.js": { type: "text/javascript; charset=utf-8", content: Buffer.from(START) },
  };
  router.get("/docs", (_request, response) => send(response, "text/html; charset=utf-8", Buffer.from(PAGE), "no-cache"));
  for (const [name, { type, content }] of Object.entries(files)) router.get(`/docs/${name}`, (_request, response) => send(response, type, content, "public, max-age=3600"));
  return router;
}

function send(response: Response, type: string, content: Buffer, cacheControl: string): void {
  response.set({ "Content-Type": type, "Cache-Control": cacheControl, "Content-Security-Policy": POLICY }).end(content);
}
