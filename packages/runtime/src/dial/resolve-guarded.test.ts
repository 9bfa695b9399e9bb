import { NodeError } from "@fluxo/core/errors/node-error";
import { expect, test } from "vitest";
import { parseAllowedHosts } from "./address-rules.ts";
import { type GuardOptions, resolveGuarded } from "./resolve-guarded.ts";

const PUBLIC_V4 = "93.184.216.34";
const PUBLIC_V6 = "2606:4700::1111";

function optionsOf(addresses: readonly string[], extra: Partial<GuardOptions> = {}): GuardOptions {
  return { allowedHosts: new Set(), isPortAllowed: () => true, resolver: () => Promise.resolve(addresses.map((address) => ({ address }))), ...extra };
}

test("gives all vetted answers in the order of the resolver, whatever it says about families", async () => {
  expect(await resolveGuarded("mail.test", 993, optionsOf([PUBLIC_V6, PUBLIC_V4]))).toEqual({
    host: "mail.test", port: 993, addresses: [{ address: PUBLIC_V6, family: 6 }, { address: PUBLIC_V4, family: 4 }],
  });
});

test("takes literals with or without brackets, and asks no resolver for them", async () => {
  const options = optionsOf([], { resolver: () => Promise.reject(new Error("asked")) });
  for (const host of [PUBLIC_V6, `[${PUBLIC_V6}]`]) expect((await resolveGuarded(host, 25, options)).addresses).toEqual([{ address: PUBLIC_V6, family: 6 }]);
  const opened = { ...options, allowedHosts: parseAllowedHosts(["[::1]:25"]) };
  for (const host of ["::1", "[::1]"]) expect((await resolveGuarded(host, 25, opened)).host).toBe("::1");
  await expect(resolveGuarded("::1", 25, options)).rejects.toThrow(NodeError);
});

test("each protocol brings its own rule for ports", async () => {
  const options = optionsOf([PUBLIC_V4], { isPortAllowed: (port) => port === 587 });
  expect((await resolveGuarded("smtp.test", 587, options)).port).toBe(587);
  await expect(resolveGuarded("smtp.test", 6379, options)).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
});

test("names of this machine are refused without asking", async () => {
  for (const name of ["localhost", "x.localhost", "localhost."]) await expect(resolveGuarded(name, 80, optionsOf([PUBLIC_V4]))).rejects.toMatchObject({ code: "ADDRESS_REFUSED" });
  expect((await resolveGuarded("notlocalhost", 80, optionsOf([PUBLIC_V4]))).addresses).toHaveLength(1);
});

test("ends with the reason of the signal, also when the resolver hangs or fails later", async () => {
  const reason = new Error("canceled");
  await expect(resolveGuarded("a.test", 80, optionsOf([PUBLIC_V4], { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
  const controller = new AbortController();
  const gate = Promise.withResolvers<never>();
  const resolving = resolveGuarded("a.test", 80, optionsOf([], { resolver: () => gate.promise, signal: controller.signal }));
  controller.abort(reason);
  await expect(resolving).rejects.toBe(reason);
  gate.reject(new Error("too late"));
});

test("the system's resolver is the default: a name that cannot exist has no address", async () => {
  const { resolver: _unused, ...options } = optionsOf([]);
  await expect(resolveGuarded("does-not-exist.invalid", 80, { ...options, signal: AbortSignal.timeout(10_000) })).rejects.toMatchObject({ code: "CONNECTION_FAILED", errorClass: "CONNECTION" });
});
