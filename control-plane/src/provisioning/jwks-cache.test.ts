import type { HttpPort } from "@fluxo/core/ports/http";
import { ManualClock } from "@fluxo/runtime/testing/manual-clock";
import { expect, test } from "vitest";
import { JwksCache } from "./jwks-cache.ts";

const URL_OF_SET = "https://crm.example.com/jwks.json";

/** A server of key sets that counts what it is asked. */
function serverOf(answers: { kids: string[]; status: number }): { readonly http: HttpPort; readonly asked: () => number } {
  let asked = 0;
  const http: HttpPort = {
    send: ({ url }) => {
      asked += 1;
      const keys = answers.kids.map((kid) => ({ kty: "OKP", crv: "Ed25519", x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", kid }));
      return Promise.resolve({ status: answers.status, headers: {}, url, body: new TextEncoder().encode(JSON.stringify({ keys })) });
    },
  };
  return { http, asked: () => asked };
}

test("keeps a set for ten minutes; made-up key ids lead to one fetch in thirty seconds", async () => {
  const answers = { kids: ["one"], status: 200 };
  const { http, asked } = serverOf(answers);
  const clock = new ManualClock();
  const cache = new JwksCache(http, clock);
  expect(await Promise.all([cache.find(URL_OF_SET, "one"), cache.find(URL_OF_SET, "one")])).toEqual([expect.any(Function), expect.any(Function)]);
  expect(asked()).toBe(1);
  for (let count = 0; count < 50; count += 1) expect(await cache.find(URL_OF_SET, `guess-${count}`)).toBeUndefined();
  expect(asked()).toBe(1);
  await clock.advance(30_000);
  answers.kids = ["one", "two"];
  expect(await cache.find(URL_OF_SET, "two")).toBeTypeOf("function");
  expect(asked()).toBe(2);
  await clock.advance(599_999);
  await cache.find(URL_OF_SET, "one");
  expect(asked()).toBe(2);
  await clock.advance(1);
  await cache.find(URL_OF_SET, "one");
  expect(asked()).toBe(3);
});

test("a set that cannot be fetched is used for an hour, then it is an error, and a key that was taken out is refused", async () => {
  const answers = { kids: ["one"], status: 200 };
  const { http, asked } = serverOf(answers);
  const clock = new ManualClock();
  const cache = new JwksCache(http, clock);
  await cache.find(URL_OF_SET, "one");
  answers.status = 503;
  await clock.advance(600_000);
  expect(await cache.find(URL_OF_SET, "one")).toBeTypeOf("function");
  await cache.find(URL_OF_SET, "one");
  expect(asked()).toBe(2);
  await clock.advance(3_000_000);
  await expect(cache.find(URL_OF_SET, "one")).rejects.toThrow("cannot be read right now");
  answers.status = 200;
  answers.kids = ["two"];
  await clock.advance(30_000);
  expect(await cache.find(URL_OF_SET, "one")).toBeUndefined();
});
