import { randomUUID } from "node:crypto";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { expect, test } from "vitest";
import { EVENT_TOKEN_MS, EventTokens } from "./event-token.ts";

const clock = new ManualClock();
const [current, previous] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
const tokens = new EventTokens([current], clock);
const grant = { agencyId: randomUUID(), tenantId: randomUUID(), executionId: randomUUID(), actor: { kind: "apiKey", id: randomUUID() } } as const;

test("a token tells what it grants, also to another process and after a rotation of the master key", () => {
  const { token, expiresAt } = tokens.mint(grant);
  expect(expiresAt.getTime() - clock.now().getTime()).toBe(EVENT_TOKEN_MS);
  expect(tokens.read(token)).toEqual(grant);
  expect(new EventTokens([previous, current], clock).read(token)).toEqual(grant);
  expect(() => new EventTokens([previous], clock).read(token)).toThrow("API key");
});

test("a token that was altered is refused, whatever part of it", () => {
  const { token } = tokens.mint(grant);
  const [payload = "", signature = ""] = token.slice(4).split(".");
  const other = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(payload, "base64url").toString()) as object, executionId: randomUUID() })).toString("base64url");
  for (const forged of ["", "flv_", token.slice(1), `${token}A`, `flv_${payload}`, `flv_${other}.${signature}`, `flv_${payload}.${Buffer.alloc(32).toString("base64url")}`]) {
    expect(() => tokens.read(forged), forged).toThrow(expect.objectContaining({ code: "UNAUTHENTICATED" }));
  }
});

test("a token ends with its time", async () => {
  const { token } = tokens.mint(grant);
  await clock.advance(EVENT_TOKEN_MS - 1);
  expect(tokens.read(token)).toEqual(grant);
  await clock.advance(1);
  expect(() => tokens.read(token)).toThrow(expect.objectContaining({ code: "UNAUTHENTICATED" }));
});
