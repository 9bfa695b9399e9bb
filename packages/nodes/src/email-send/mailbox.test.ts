import { describe, expect, test } from "vitest";
import { mailboxesOf, mailboxesSchema, mailboxSchema } from "./mailbox.ts";

describe("addresses", () => {
  test.each<[unknown, string, string]>([
    ["ada@example.com", "", "ada@example.com"],
    [" ada@example.com ", "", "ada@example.com"],
    ["Ada Lovelace <ada+x@Example.COM>", "Ada Lovelace", "ada+x@example.com"],
    ['"Lovelace, Ada" <ada@example.com>', "Lovelace, Ada", "ada@example.com"],
    ["Лада <lada@example.com>", "Лада", "lada@example.com"],
    [{ address: "o'neil@example.co.uk" }, "", "o'neil@example.co.uk"],
    [{ name: "Ada", address: "ada@bücher.example" }, "Ada", "ada@xn--bcher-kva.example"],
  ])("%j is one", (written, name, address) => {
    expect(mailboxesOf(mailboxSchema.parse(written))).toEqual([{ name, address }]);
  });

  test.each([
    "",
    "ada",
    "@example.com",
    "ada@",
    "ada@localhost",
    "ada@example",
    "ada@[127.0.0.1]",
    "ada@127.0.0.1",
    "ada@example.com, eve@example.com",
    "ada@example.com;eve@example.com",
    "Ada <ada@example.com>, Eve <eve@example.com>",
    "Ada <ada@example.com> <eve@example.com>",
    "Ada <ada@example.com>\r\nBcc: eve@example.com",
    "Ada\r\nBcc: eve@example.com <ada@example.com>",
    "ada@example.com\r\nBcc: eve@example.com",
    "ada@example.com\nRCPT TO:<eve@example.com>",
    '"eve@evil.example ada"@example.com',
    '"a b"@example.com',
    "ada..b@example.com",
    ".ada@example.com",
    "ada@exam ple.com",
    "ada@example.com/x",
    "ada@example.com:25",
    "ada@evil%2eexample.com",
    "ada@-example.com",
    `${"a".repeat(65)}@example.com`,
    `ada@${"a".repeat(250)}.com`,
    "ädä@example.com",
    { name: "Ada\nBcc: eve@example.com", address: "ada@example.com" },
    { address: "Ada <ada@example.com>" },
    7,
    null,
  ])("%j is refused", (written) => {
    expect(mailboxSchema.safeParse(written).success).toBe(false);
  });

  test("one or several, each exactly one", () => {
    expect(mailboxesOf(mailboxesSchema.parse(["a@example.com", { address: "b@example.com" }])).map(({ address }) => address)).toEqual(["a@example.com", "b@example.com"]);
    expect(mailboxesSchema.safeParse(["a@example.com, b@example.com"]).success).toBe(false);
  });
});
