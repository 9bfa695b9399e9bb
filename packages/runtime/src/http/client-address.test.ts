import { describe, expect, test } from "vitest";
import { clientAddressOf, createAddressRanges } from "./client-address.ts";

describe("ranges", () => {
  test.each([
    ["192.0.2.0/24", "192.0.2.255", true],
    ["192.0.2.0/24", "192.0.3.0", false],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.8", false],
    ["192.0.2.7/31", "192.0.2.6", true],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "192.0.2.7", false],
    ["192.0.2.0/24", "::ffff:192.0.2.7", true],
    ["192.0.2.0/24", "::ffff:c000:207", true],
    ["192.0.2.0/24", "::ffff:192.0.3.7", false],
    ["::ffff:192.0.2.0/120", "192.0.2.7", true],
    ["::ffff:192.0.2.0/120", "192.0.3.7", false],
    ["::ffff:192.0.2.7", "::ffff:192.0.2.7", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["2001:DB8::1", "2001:0db8:0:0:0:0:0:1", true],
    ["10.0.0.0/8", "10.1", false],
    ["10.0.0.0/8", "012.0.0.1", false],
    ["10.0.0.0/8", "167772161", false],
    ["fe80::/10", "fe80::1%eth0", false],
    ["0.0.0.0/0", "", false],
    ["0.0.0.0/0", "name.example.com", false],
  ])("%s has %s: %s", (range, address, isIn) => {
    expect(createAddressRanges([range]).has(address)).toBe(isIn);
  });

  test.each(["192.0.2.0/33", "192.0.2/24", "2001:db8::/129", "::ffff:192.0.2.0/24", "192.0.2.0/", "192.0.2.0/a", "192.0.2.0/8/8", "example.com", ""])("refuse %j", (range) => {
    expect(() => createAddressRanges([range])).toThrow(RangeError);
  });
});

describe("the address that a request comes from", () => {
  const proxies = createAddressRanges(["10.0.0.0/8", "fd00::/8"]);

  test.each([
    ["its connection's, whatever the header says", "203.0.113.9", "192.0.2.1", "203.0.113.9"],
    ["its connection's in IPv4", "::ffff:203.0.113.9", undefined, "203.0.113.9"],
    ["what a trusted proxy says", "10.0.0.1", "192.0.2.1", "192.0.2.1"],
    ["what a trusted proxy says, in IPv6", "::ffff:10.0.0.1", " 2001:db8::1 ", "2001:db8::1"],
    ["the last that is no trusted proxy, not what the caller wrote", "10.0.0.1", "198.51.100.1, 192.0.2.1, 10.0.0.2, fd00::2", "192.0.2.1"],
    ["nobody's when the proxy says none", "10.0.0.1", undefined, undefined],
    ["nobody's when all are proxies", "10.0.0.1", "10.0.0.2", undefined],
    ["nobody's when the entry is no address, also before a good one", "10.0.0.1", "192.0.2.1, unknown", undefined],
    ["nobody's without a connection", undefined, "192.0.2.1", undefined],
  ])("%s", (_what, remote, forwarded, address) => {
    expect(clientAddressOf(remote, forwarded, proxies)).toBe(address);
  });
});
