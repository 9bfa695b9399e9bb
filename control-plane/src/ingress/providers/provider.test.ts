import { createHmac } from "node:crypto";
import { RequestError } from "@fluxo/core/errors/request-error";
import { describe, expect, test } from "vitest";
import { createProvider } from "./provider.ts";

const token = "t".repeat(43);
const secret = Buffer.from("a secret");
const line = (url: string, method = "GET") => ({ method, url, token });

describe("questions of providers", () => {
  test("Meta's is answered with its challenge when the verify token is the hook's", () => {
    const { greet } = createProvider({ mode: "meta" }, secret);
    const good = `/hooks/x?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=1158201444`;
    expect(greet?.(line(good))).toEqual({ contentType: "text/plain; charset=utf-8", body: "1158201444" });
    expect(greet?.(line(good, "POST"))).toBeUndefined();
    expect(greet?.(line("/hooks/x"))).toBeUndefined();
    for (const bad of [good.replace(token, "x"), good.replace(/&hub.challenge.*/, ""), good.replace("1158201444", "x".repeat(1_025))]) expect(() => greet?.(line(bad))).toThrow(RequestError);
  });

  test("Microsoft's is sent back decoded", () => {
    const { greet } = createProvider({ mode: "microsoft" }, secret);
    expect(greet?.(line("/hooks/x?validationToken=Validation%3A%20a+b%3Cscript%3E", "POST"))?.body).toBe("Validation: a b<script>");
    expect(greet?.(line("/hooks/x", "POST"))).toBeUndefined();
    expect(greet?.(line("/hooks/x?validationToken=a", "GET"))).toBeUndefined();
  });

  test("Slack's and Zoom's are in their signed bodies", () => {
    const slack = createProvider({ mode: "slack", toleranceSeconds: 300 }, secret);
    expect(slack.challenge?.({ type: "url_verification", challenge: "3eZb", token: "old" })?.body).toBe("3eZb");
    expect(slack.challenge?.({ type: "event_callback", challenge: "3eZb" })).toBeUndefined();
    expect(slack.withoutSecrets?.({ type: "event_callback", token: "old" })).toEqual({ type: "event_callback" });
    const zoom = createProvider({ mode: "zoom", toleranceSeconds: 300 }, secret);
    expect(JSON.parse(zoom.challenge?.({ event: "endpoint.url_validation", payload: { plainToken: "abc" } })?.body ?? "")).toEqual({
      plainToken: "abc",
      encryptedToken: createHmac("sha256", secret).update("abc").digest("hex"),
    });
    expect(zoom.challenge?.({ event: "meeting.started", payload: { plainToken: "abc" } })).toBeUndefined();
  });
});

test("deliveries have the ids that their providers give them", () => {
  expect(createProvider({ mode: "github" }, secret).deliveryIdHeader).toBe("x-github-delivery");
  expect(createProvider({ mode: "stripe", toleranceSeconds: 300 }, secret).deliveryId?.({}, { id: "evt_1" })).toBe("evt_1");
  expect(createProvider({ mode: "slack", toleranceSeconds: 300 }, secret).deliveryId?.({}, { event_id: "Ev1" })).toBe("Ev1");
  expect(createProvider({ mode: "slack", toleranceSeconds: 300 }, secret).deliveryId?.({}, "text")).toBeUndefined();
  const shopify = createProvider({ mode: "shopify" }, secret);
  expect(shopify.deliveryId?.({ "x-shopify-event-id": "e", "x-shopify-topic": "orders/create" }, null)).toBe("orders/create:e");
  expect(shopify.deliveryId?.({ "x-shopify-topic": "orders/create" }, null)).toBeUndefined();
});
