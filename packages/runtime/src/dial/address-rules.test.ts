import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, test } from "vitest";
import { isHttpPortAllowed, isPublicAddress, parseAllowedHosts } from "./address-rules.ts";
import { PRIVATE_ADDRESSES } from "../testing/address-vectors.ts";

describe("isPublicAddress", () => {
  test.each(PRIVATE_ADDRESSES)("refuses %s", (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(["1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "168.63.129.15", "2606:4700::1111", "2a00:1450:4001::200e", "2001:200::1", "2001:4860:4860::8888"])(
    "accepts %s",
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );

  test.each(["", "example.com", "1.1.1", "0x7f.1", "2130706433", "1.1.1.1 ", "1.1.1.1:80", "[2606:4700::1]", "2606:4700::1%eth0", "01.1.1.1", "1.1.1.1/8"])("refuses %j, which is no plain address", (text) => {
    expect(isPublicAddress(text)).toBe(false);
  });

  test("property: an IPv6 address that wraps or embeds any IPv4 address is refused", () => {
    fc.assert(
      fc.property(fc.ipV4(), (v4) => {
        const hex = ipaddr.IPv4.parse(v4).toByteArray().map((byte) => byte.toString(16).padStart(2, "0"));
        const [high, low] = [`${hex[0]}${hex[1]}`, `${hex[2]}${hex[3]}`];
        const forms = [`::ffff:${v4}`, `::${v4}`, `::ffff:0:${v4}`, `64:ff9b::${v4}`, `64:ff9b:1::${v4}`, `2002:${high}:${low}::`, `2001:0:${high}:${low}::`, `2a00::5efe:${high}:${low}`, `2a00::200:5efe:${high}:${low}`];
        expect(forms.filter(isPublicAddress)).toEqual([]);
      }),
    );
  });

  test("property: nothing outside of 2000::/3 is public", () => {
    fc.assert(fc.property(fc.ipV6(), (v6) => !isPublicAddress(v6) || /^[23][0-9a-f]{3}:/i.test(v6)), { numRuns: 2_000 });
  });
});

test("ports: 80, 443 and what is above 1023, without stores and blocked ports", () => {
  for (const port of [80, 443, 1024, 3000, 8000, 8080, 8443, 9000, 65_535]) expect(isHttpPortAllowed(port)).toBe(true);
  for (const port of [0, -1, 1.5, Number.NaN, 65_536, 21, 22, 23, 25, 53, 81, 110, 143, 389, 445, 465, 587, 993, 2375, 2379, 3306, 5432, 6379, 6667, 8288, 9200, 10_250, 11_211, 27_017]) {
    expect(isHttpPortAllowed(port)).toBe(false);
  }
});

test("allowed hosts take the form that URLs have, and refuse what is not host:port", () => {
  expect([...parseAllowedHosts(["127.0.0.1:9001", "0x7f.1:80", "[::0001]:9001", "MinIO.local:9000"])]).toEqual(["127.0.0.1:9001", "127.0.0.1:80", "[::1]:9001", "minio.local:9000"]);
  for (const entry of ["127.0.0.1", ":80", "host:", "host:0", "host:70000", "::1:80", "a b:80", "http://x:80"]) expect(() => parseAllowedHosts([entry])).toThrow(RangeError);
});
