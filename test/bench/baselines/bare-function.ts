import express from "express";
import { Inngest } from "inngest";
import { serve } from "inngest/express";
import { BARE_EVENT, nowMs, readSettings, type BareEventData, type Finish } from "./settings.ts";

// The bare Inngest function: one event, one run, one `step.run` per node, checkpointing as the SDK has it by default.
const { port, inngestUrl, inngestEventKey, inngestSigningKey } = readSettings();
const client = new Inngest({ id: "bench", isDev: false, baseUrl: inngestUrl, eventKey: inngestEventKey, signingKey: inngestSigningKey });
/** What has begun and what has finished, in memory: the function writes nothing of its own. A run that Inngest calls again counts from its first call. */
const begun = new Map<string, number>();
let finished: Finish[] = [];

const bare = client.createFunction({ id: "bare", triggers: [{ event: BARE_EVENT }] }, async ({ event, step }) => {
  const { key, steps } = event.data as BareEventData;
  if (!begun.has(key)) begun.set(key, nowMs());
  let output: unknown = { order: key, step: 0 };
  for (let index = 0; index < steps; index += 1) {
    output = await step.run(`node-${index}`, () => ({ order: key, step: index }));
  }
  finished.push({ key, startedAtMs: begun.get(key) ?? Number.NaN, finishedAtMs: nowMs() });
  begun.delete(key);
  return output;
});

const app = express();
app.get("/readyz", (_request, response) => void response.json({}));
/** How many have finished since `/finished` was last asked. */
app.get("/count", (_request, response) => void response.json(finished.length));
/** Everything that has finished since the last time. */
app.get("/finished", (_request, response) => {
  response.json(finished);
  finished = [];
});
app.use("/api/inngest", express.json({ limit: "4mb" }), serve({ client, functions: [bare], serveOrigin: `http://127.0.0.1:${port}`, servePath: "/api/inngest" }));
app.listen(port, "127.0.0.1");
