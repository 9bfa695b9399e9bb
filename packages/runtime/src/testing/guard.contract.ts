import { connect as connectTcp, createServer, type Socket } from "node:net";
import { NodeError } from "@fluxo/core/errors/node-error";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type OpenSocket, openTcp } from "../dial/open-socket.ts";
import type { Resolver, VettedTarget } from "../dial/resolve-guarded.ts";
import { ODD_HOSTS, PRIVATE_ADDRESSES } from "./address-vectors.ts";

const PUBLIC_V4 = "93.184.216.34";
const PUBLIC_V6 = "2606:4700::6810:84e5";

/** How the dialer or client under test is made. */
export interface GuardParts {
  readonly resolver?: Resolver;
  readonly openSocket?: OpenSocket;
  readonly allowedPrivateHosts?: readonly string[];
}

/** One way out. */
export interface GuardedWay {
  /** A port that it may call at public hosts. */
  readonly port: number;
  readonly closedPorts: readonly number[];
  /** Goes out to a host as it is written in a URL (IPv6 in brackets), as the product does; it may fail in any way once it is connected. */
  readonly connect: (parts: GuardParts, host: string, port: number) => Promise<unknown>;
}

/** A listener on every local address that counts connections and closes them. */
interface Canary {
  readonly port: number;
  hits(): number;
  close(): void;
}

async function startCanary(): Promise<Canary> {
  let hits = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    hits += 1;
    sockets.add(socket);
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket));
    socket.end();
  });
  const listen = (host: string): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once("error", reject).listen(0, host, resolve);
    });
  await listen("::").catch(() => listen("0.0.0.0"));
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The canary has no port.");
  return {
    port: address.port,
    hits: () => hits,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/**
 * The vector list against one way out: literal, DNS answer (A and AAAA, alone and mixed), rebinding name, odd forms, ports, the operator's list.
 * Whatever port is dialed, the connection goes to the canary's port of the same address, so that a hole is a hit.
 */
export function describeGuard(name: string, { port, closedPorts, connect }: GuardedWay): void {
  describe(`guard of ${name}`, () => {
    let canary: Canary;
    beforeAll(async () => {
      canary = await startCanary();
    });
    afterAll(() => canary.close());

    const openSocket: OpenSocket = (target) => openTcp({ ...target, port: canary.port });
    const answers = (...addresses: string[]): Resolver => () => Promise.resolve(addresses.map((address) => ({ address })));
    const inBrackets = (address: string): string => (address.includes(":") ? `[${address}]` : address);

    async function expectRefused(parts: GuardParts, host: string, to = port): Promise<void> {
      const before = canary.hits();
      await expect(connect({ openSocket, ...parts }, host, to)).rejects.toSatisfy(isRefusal);
      expect(canary.hits()).toBe(before);
    }

    async function expectReached(parts: GuardParts, host: string, to = port): Promise<void> {
      const before = canary.hits();
      await connect({ openSocket, ...parts }, host, to).catch(() => undefined);
      expect(canary.hits()).toBeGreaterThan(before);
    }

    test.each(PRIVATE_ADDRESSES)("%s as a literal and as the answer of DNS, alone and mixed with public answers", async (address) => {
      await expectRefused({}, inBrackets(address));
      for (const mixed of [[address], [PUBLIC_V4, address], [address, PUBLIC_V4], [PUBLIC_V6, PUBLIC_V4, address], [address, PUBLIC_V6]]) {
        await expectRefused({ resolver: answers(...mixed) }, "name.test");
      }
    });

    test.each(PRIVATE_ADDRESSES)("%s as the second answer of a rebinding name", async (address) => {
      let calls = 0;
      const dialed: VettedTarget[] = [];
      const parts: GuardParts = {
        resolver: () => Promise.resolve([{ address: (calls += 1) === 1 ? PUBLIC_V4 : address }]),
        openSocket: (target) => {
          dialed.push(target);
          return connectTcp(canary.port, "127.0.0.1");
        },
      };
      await connect(parts, "rebind.test", port).catch(() => undefined);
      expect(dialed).toEqual([{ host: "rebind.test", port, addresses: [{ address: PUBLIC_V4, family: 4 }] }]);
      expect(calls).toBe(1);
      await expectRefused(parts, "rebind.test");
      expect(dialed).toHaveLength(1);
    });

    test.each(ODD_HOSTS)("the host written as %s", (host) => expectRefused({}, host));

    test.each(closedPorts)("port %i of a public host", (closed) => expectRefused({ resolver: answers(PUBLIC_V4) }, "public.test", closed));

    test("the operator's list opens its host and port, and nothing beside it", async () => {
      const allowedPrivateHosts = [`127.0.0.1:${port}`, `inner.test:${port}`];
      const resolver = answers("127.0.0.1");
      await expectReached({ allowedPrivateHosts }, "127.0.0.1");
      await expectReached({ allowedPrivateHosts }, "127.1");
      await expectReached({ allowedPrivateHosts, resolver }, "inner.test");
      await expectRefused({ allowedPrivateHosts, resolver }, "other.test");
      for (const host of ["127.0.0.2", "[::1]", "[::ffff:127.0.0.1]", "localhost"]) await expectRefused({ allowedPrivateHosts }, host);
    });

    test("a public answer is dialed: the vectors have teeth", async () => {
      const hits = canary.hits();
      await connect({ resolver: answers(PUBLIC_V6, PUBLIC_V4), openSocket: () => connectTcp(canary.port, "127.0.0.1") }, "public.test", port).catch(() => undefined);
      expect(canary.hits()).toBeGreaterThan(hits);
    });
  });
}

/** A refusal by rule, which a library between may have wrapped. */
function isRefusal(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof NodeError && at.errorClass === "REFUSED" && at.code === "ADDRESS_REFUSED") return true;
  }
  return false;
}
