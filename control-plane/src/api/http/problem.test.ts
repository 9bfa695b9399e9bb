import { RequestError } from "@fluxo/core/errors/request-error";
import { createLogger } from "@fluxo/runtime/logger";
import { listen } from "@fluxo/runtime/http-server";
import express from "express";
import { expect, test } from "vitest";
import { problemHandler } from "./problem.ts";

async function answerTo(error: unknown): Promise<{ status: number; headers: Headers; body: string; log: string }> {
  const lines: string[] = [];
  const app = express();
  app.get("/", () => {
    throw error;
  });
  app.use(problemHandler(createLogger({ service: "api", level: "debug", destination: { write: (line) => void lines.push(line) } })));
  const server = await listen(app, { host: "127.0.0.1", port: 0 });
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  const body = await response.text();
  await server.close(100);
  return { status: response.status, headers: response.headers, body, log: lines.join("\n") };
}

test("tells the caller nothing of what is not expected, and the log everything", async () => {
  const answer = await answerTo(new Error("password of the database"));
  expect(answer.status).toBe(500);
  expect(JSON.parse(answer.body)).toMatchObject({ code: "INTERNAL", detail: "Fluxo failed on its own account." });
  expect(answer.body).not.toContain("password");
  expect(answer.log).toContain("password of the database");
});

test("a store that does not answer is unavailable, with a time to come back", async () => {
  const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  for (const error of [refused, new Error("query", { cause: refused }), Object.assign(new Error("p"), { code: "P2024" }), new Error("timeout exceeded when trying to connect")]) {
    const answer = await answerTo(error);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
    expect(JSON.parse(answer.body)).toMatchObject({ code: "UNAVAILABLE" });
  }
});

test("keeps the node of a graph's issue", async () => {
  const issues = [{ path: "/nodes/0", code: "NODE_UNREACHABLE", message: "No trigger leads to it.", nodeId: "a" }];
  const answer = await answerTo(new RequestError("GRAPH_INVALID", { issues }));
  expect(answer.status).toBe(422);
  expect(JSON.parse(answer.body)).toMatchObject({ issues });
  expect(answer.log).toBe("");
});
