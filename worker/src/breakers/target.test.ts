import { breakerKeyOf } from "@fluxo/contracts/channels/outages";
import { expect, test } from "vitest";
import { targetOf } from "./target.ts";

const http = { integration: "http", credentials: [{ param: "credential", kinds: ["bearer"] }] } as const;

test.each([
  [{ url: "https://api.example.com/a?b" }, "breakers:t:host:api.example.com"],
  [{ url: "http://API.example.com:8080/" }, "breakers:t:host:api.example.com:8080"],
  [{ url: "https://api.example.com/", credential: "c" }, "breakers:t:credential:c"],
  [{ url: "no url" }, undefined],
  [{}, undefined],
])("%j → %s", (params, expected) => {
  const target = targetOf("t", http, params);
  expect(target && breakerKeyOf(target.key)).toBe(expected);
});

test("a node without an integration reaches for nothing", () => {
  expect(targetOf("t", { integration: null }, { url: "https://api.example.com/" })).toBeUndefined();
});
