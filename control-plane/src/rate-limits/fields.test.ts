import { expect, test } from "vitest";
import { RateLimitedError, rateLimitFields } from "./fields.ts";

const key = { policy: "key", perMinute: 100, remaining: 40, resetMs: 12_001 } as const;
const tenant = { policy: "tenant", perMinute: 300, remaining: 7, resetMs: 30_000 } as const;

test("tells of every limit in the draft's form, and of the one that ends first in the older form", () => {
  expect(rateLimitFields([key, tenant])).toEqual({
    "RateLimit-Policy": '"key";q=100;w=60, "tenant";q=300;w=60',
    RateLimit: '"key";r=40;t=13, "tenant";r=7;t=30',
    "RateLimit-Limit": "300",
    "RateLimit-Remaining": "7",
    "RateLimit-Reset": "30",
  });
  expect(rateLimitFields([])).toEqual({});
});

test("a refusal asks to wait until the exceeded limit begins again", () => {
  const error = new RateLimitedError("Too many.", [key, { ...tenant, remaining: 0, resetMs: 1 }], { ...tenant, remaining: 0, resetMs: 1 });
  expect([error.code, error.retryAfterSeconds, error.fields["RateLimit-Remaining"]]).toEqual(["RATE_LIMITED", 1, "0"]);
});
