import { Agent, get, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import express from "express";
import { expect, test } from "vitest";
import { listen, ListenError } from "./http-server.ts";

const LOCAL = { host: "127.0.0.1", port: 0 };
const hello: RequestListener = (_request, response) => void response.end("hello");

async function fetchText(port: number, agent: Agent): Promise<{ body: string; connection: string | undefined }> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: "127.0.0.1", port, agent }, resolve).on("error", reject);
  });
  return { body: await text(response), connection: response.headers.connection };
}

test("serves an Express application on a port that the system chooses", async () => {
  const app = express();
  app.get("/", (_request, response) => void response.json({ ok: true }));
  const server = await listen(app, LOCAL);
  expect(server.port).toBeGreaterThan(0);
  expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).json()).toEqual({ ok: true });
  expect(await server.close(1_000)).toEqual({ abortedRequests: 0 });
});

test("says which port is taken and what to do", async () => {
  const server = await listen(hello, LOCAL);
  const second = listen(hello, { ...LOCAL, port: server.port });
  await expect(second).rejects.toThrow(ListenError);
  await expect(second).rejects.toThrow(`Port ${server.port} on 127.0.0.1 is taken by another process. Stop that process or set PORT`);
  await server.close(100);
  await expect(listen(hello, { host: "192.0.2.1", port: 0 })).rejects.toThrow("192.0.2.1 is not an address of this machine");
});

test("closes idle keep-alive connections and refuses new ones", async () => {
  const server = await listen(hello, LOCAL);
  const agent = new Agent({ keepAlive: true });
  await fetchText(server.port, agent);
  const before = performance.now();
  const [first, second] = await Promise.all([server.close(10_000), server.close(5)]);
  expect(first).toBe(second);
  expect(performance.now() - before).toBeLessThan(5_000);
  await expect(fetchText(server.port, agent)).rejects.toThrow(/ECONNREFUSED|ECONNRESET|hang up/);
  agent.destroy();
});

test("lets a running request finish and asks its connection to close", async () => {
  const started = Promise.withResolvers<ServerResponse>();
  const server = await listen((_request, response) => started.resolve(response), LOCAL);
  const agent = new Agent({ keepAlive: true });
  const answer = fetchText(server.port, agent);
  const response = await started.promise;
  const closing = server.close(10_000);
  response.end("late but whole");
  expect(await answer).toEqual({ body: "late but whole", connection: "close" });
  expect(await closing).toEqual({ abortedRequests: 0 });
  agent.destroy();
});

test("cuts off what does not finish within the deadline", async () => {
  const started = Promise.withResolvers<unknown>();
  const server = await listen(() => started.resolve(undefined), LOCAL);
  const answer = fetchText(server.port, new Agent());
  answer.catch(() => undefined);
  await started.promise;
  expect(await server.close(30)).toEqual({ abortedRequests: 1 });
  await expect(answer).rejects.toThrow();
});

test("drops a caller that never finishes its headers", async () => {
  const server = await listen(hello, { ...LOCAL, headersTimeoutMs: 100, requestTimeoutMs: 200 });
  const socket = connect(server.port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ");
  expect(await text(socket)).toContain("408 Request Timeout");
  await server.close(100);
});
