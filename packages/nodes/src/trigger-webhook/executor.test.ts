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

  test("may bound who calls and how often, and have the tolerance of their provider", () => {
    const params = webhookTrigger.params.parse({
      authentication: { mode: "stripe" },
      allowedAddresses: ["192.0.2.7", "192.0.2.0/24", "2001:db8::1", "2001:db8::/32", "::ffff:192.0.2.7"],
      rateLimit: { perMinute: 60 },
    });
    expect(params).toMatchObject({ authentication: { mode: "stripe", toleranceSeconds: 300 }, rateLimit: { perMinute: 60, burst: 0 } });
    expect(params.allowedAddresses).toHaveLength(5);
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
    ["nobody's address", { authentication: { mode: "none" }, allowedAddresses: [] }],
    ["an address that is none", { authentication: { mode: "none" }, allowedAddresses: ["example.com"] }],
    ["a network of too many bits", { authentication: { mode: "none" }, allowedAddresses: ["192.0.2.0/33"] }],
    ["an octal address", { authentication: { mode: "none" }, allowedAddresses: ["010.0.0.1"] }],
    ["a rate of none", { authentication: { mode: "none" }, rateLimit: { perMinute: 0 } }],
    ["a tolerance of a provider that signs no time", { authentication: { mode: "github", toleranceSeconds: 300 } }],
    ["a tolerance of none", { authentication: { mode: "hmac", header: "x", encoding: "hex", toleranceSeconds: 0 } }],
  ])("refuse %s", (_what, params) => {
    expect(webhookTrigger.params.safeParse(params).success).toBe(false);
  });
});
