import fc from "fast-check";
import { expect, test } from "vitest";
import { Redactor, SECRET_LENGTH_MIN } from "./redactor.ts";

function redactorOf(...values: readonly string[]): Redactor {
  const redactor = new Redactor();
  redactor.add(values);
  return redactor;
}

const SECRET = "s3cr3t/\"<key>&'!*+ü";

test("takes a secret out in every form in which providers give it back", () => {
  const redactor = redactorOf(SECRET);
  const forms = [
    SECRET,
    JSON.stringify(SECRET),
    encodeURIComponent(SECRET),
    new URLSearchParams({ key: SECRET }).toString(),
    Buffer.from(SECRET).toString("hex"),
    Buffer.from(SECRET).toString("base64"),
    Buffer.from(SECRET).toString("base64url"),
    "s3cr3t/&quot;&lt;key&gt;&amp;&#39;!*+ü",
  ];
  for (const form of forms) {
    const cleaned = redactor.text(`before ${form} after`);
    expect(cleaned).toContain("[redacted]");
    expect(cleaned).toMatch(/^before .* after$/s);
    expect(cleaned).not.toContain("s3cr3t");
    expect(cleaned).not.toContain(form);
  }
});

test("finds a secret in base64 of a longer text, wherever it stands in it", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 9 }), fc.stringMatching(/^[\x21-\x7e]{8,40}$/), fc.string({ maxLength: 9 }), fc.boolean(), (before, secret, after, isUrl) => {
      const text = Buffer.from(`${before}${secret}${after}`, "utf8").toString(isUrl ? "base64url" : "base64");
      const cleaned = redactorOf(secret).text(text);
      expect(cleaned).toContain("[redacted]");
      expect(Buffer.from(cleaned.replaceAll("[redacted]", ""), "base64").toString("latin1")).not.toContain(secret);
    }),
  );
});

test("reaches keys and values of any depth, and numbers", () => {
  const redactor = redactorOf("canary-1", "123456");
  expect(redactor.json({ "x-canary-1": ["a canary-1 b", { deep: "canary-1" }, 123_456, 123_457, true, null] })).toEqual({
    "x-[redacted]": ["a [redacted] b", { deep: "[redacted]" }, "[redacted]", 123_457, true, null],
  });
});

test("takes the longest secret when one holds another, and never touches its own mark", () => {
  const redactor = redactorOf("redacted", "canary", "canary-longer");
  expect(redactor.text("canary-longer canary redacted")).toBe("[redacted] [redacted] [redacted]");
});

test("in messages also takes out what is left of a secret that was cut", () => {
  const redactor = redactorOf("canary-1234567890");
  expect(redactor.message("answered 500: key=canary-1234…\n    at x (canary-12)\nbefore canary-123456\nend canary-1")).toBe("answered 500: key=[redacted]…\n    at x (canary-12)\nbefore [redacted]\nend [redacted]");
  expect(redactor.message("the canary sings")).toBe("the canary sings");
  expect(redactor.text("a value that ends in canary-1")).toBe("a value that ends in canary-1");
});

test("cleans bytes without touching what is no text", () => {
  const content = Buffer.concat([Buffer.of(0, 255, 128), Buffer.from("geheim-ü"), Buffer.of(254, 0)]);
  expect(Buffer.from(redactorOf("geheim-ü").bytes(content))).toEqual(Buffer.concat([Buffer.of(0, 255, 128), Buffer.from("[redacted]"), Buffer.of(254, 0)]));
  expect(redactorOf("elsewhere").bytes(content)).toBe(content);
});

test("leaves everything alone without secrets, and short ones where they are", () => {
  const value = { a: ["text", 1] };
  expect(new Redactor().json(value)).toBe(value);
  expect(redactorOf("x".repeat(SECRET_LENGTH_MIN - 1)).isEmpty).toBe(true);
});
