import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";
import express, { type Express } from "express";
import { SIGNATURE_HEADER } from "./settings.ts";

/**
 * Express 5 as one would write a webhook receiver by hand: the raw body, its HMAC, its JSON, then whatever `accept` does, then 202 with an id.
 * Nothing else runs before or after.
 */
export function receiver(secret: string, accept: (id: string, body: unknown) => Promise<void> | undefined): Express {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  app.get("/readyz", (_request, response) => void response.json({}));
  app.post("/hooks/:token", express.raw({ type: "*/*", limit: "1mb" }), async (request, response) => {
    const body = request.body as Buffer;
    const given = Buffer.from(String(request.headers[SIGNATURE_HEADER] ?? ""), "hex");
    const expected = createHmac("sha256", secret).update(body).digest();
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      response.status(401).json({ code: "HOOK_SIGNATURE_INVALID" });
      return;
    }
    const id = randomUUID();
    await accept(id, JSON.parse(body.toString()));
    response.status(202).json({ executionId: id, duplicate: false });
  });
  return app;
}
