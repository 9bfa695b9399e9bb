import { describe, expect, test } from "vitest";
import { executeNode } from "../registry.ts";
import { nodeContext } from "../testing/node-context.ts";
import { webhookTrigger } from "./definition.ts";

test("trigger.webhook gives the received request", async () => {
  const trigger = { method: "POST", headers: { "x-a": "1" }, query: { q: "1" }, body: { items: [1, 2] } };
  await expect(executeNode("trigger.webhook", { authentication: { mode: "none" } }, nodeContext({ trigger }))).resolves.toEqual({ kind: "done", output: trigger });
});

describe("the parameters of a webhook", () => {
  test("have defaults, but none for the authentication", () => {
    expect(webhookTrigger.params.parse({ authentication: { mode: "none" } })).toEqual({ methods: ["POST"], authentication: { mode: "none" }, response: { mode: "immediate" } });
    expect(webhookTrigger.params.parse({ authentication: { mode: "none" }, response: { mode: "lastNode" } }).response).toEqual({ mode: "lastNode", timeoutSeconds: 30 });
    expect(webhookTrigger.params.safeParse({}).error?.issues).toMatchObject([{ path: ["authentication"] }]);
  });

  test("hold header names in lower case, as they arrive", () => {
    const params = { authentication: { mode: "hmac", header: "X-Signature", encoding: "hex", timestampHeader: "X-Time" }, deliveryIdHeader: "X-Delivery" };
    expect(webhookTrigger.params.parse(params)).toEqual({
      methods: ["POST"],
      authentication: { mode: "hmac", header: "x-signature", algorithm: "sha256", encoding: "hex", timestampHeader: "x-time", toleranceSeconds: 300 },
      deliveryIdHeader: "x-delivery",
      response: { mode: "immediate" },
    });
  });

  test.each([
    ["an unknown mode", { authentication: { mode: "basic" } }],
    ["fields of another mode", { authentication: { mode: "none", header: "x" } }],
    ["a header that cannot be", { authentication: { mode: "header", header: "a b" } }],
    ["an hmac without encoding", { authentication: { mode: "hmac", header: "x" } }],
    ["no method", { methods: [], authentication: { mode: "none" } }],
    ["a method twice", { methods: ["GET", "GET"], authentication: { mode: "none" } }],
    ["a method that hooks do not have", { methods: ["HEAD"], authentication: { mode: "none" } }],
    ["a caller that waits for ever", { authentication: { mode: "none" }, response: { mode: "lastNode", timeoutSeconds: 31 } }],
    ["a time-out of a mode that has none", { authentication: { mode: "none" }, response: { mode: "immediate", timeoutSeconds: 1 } }],
    ["an unknown way to answer", { authentication: { mode: "none" }, response: { mode: "stream" } }],
    ["a tolerance of none", { authentication: { mode: "hmac", header: "x", encoding: "hex", toleranceSeconds: 0 } }],
  ])("refuse %s", (_what, params) => {
    expect(webhookTrigger.params.safeParse(params).success).toBe(false);
  });
});
