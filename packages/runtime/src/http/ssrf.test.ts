import { connect } from "node:net";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpPort } from "@fluxo/core/ports/http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ODD_HOSTS, PRIVATE_ADDRESSES } from "../testing/address-vectors.ts";
import { type CanaryServer, startCanary } from "../testing/canary-server.ts";
import { createGuardedClient } from "./guarded-client.ts";
import type { Resolver, VettedTarget } from "../dial/resolve-guarded.ts";

const PUBLIC_V4 = "93.184.216.34";
const PUBLIC_V6 = "2606:4700::6810:84e5";

/** Listens on every local address: a guard with a hole reaches it. */
let canary: CanaryServer;
/** Stands for the internet: what is dialled at a public address ends here. */
let internet: CanaryServer;
let redirectTo = "";
const dialled: VettedTarget[] = [];

beforeAll(async () => {
  canary = await startCanary({ host: "::" }).catch(() => startCanary({ host: "0.0.0.0" }));
  internet = await startCanary({ answer: (_request, response) => void response.writeHead(redirectTo === "" ? 200 : 302, { location: redirectTo }).end() });
});
afterAll(() => Promise.all([canary.close(), internet.close()]));

const asAnswers = (...addresses: string[]): Resolver => () => Promise.resolve(addresses.map((address) => ({ address })));

async function refusalOf(client: HttpPort, url: string): Promise<unknown> {
  try {
    const response = await client.send({ method: "GET", url, timeoutMs: 2_000, maxResponseBytes: 1_000 });
    return `answered ${response.status}`;
  } catch (error) {
    return error instanceof NodeError ? `${error.errorClass}/${error.code}` : error;
  }
}

async function expectRefused(client: HttpPort, url: string): Promise<void> {
  const before = canary.connections();
  expect(await refusalOf(client, url)).toBe("REFUSED/ADDRESS_REFUSED");
  expect(canary.connections()).toBe(before);
}

const inBrackets = (address: string): string => (address.includes(":") ? `[${address}]` : address);

describe.each(PRIVATE_ADDRESSES)("%s", (address) => {
  test("as a literal", () => expectRefused(createGuardedClient(), `http://${inBrackets(address)}:${canary.port}/`));

  test("as the answer of DNS, alone and mixed with public answers in any place", async () => {
    for (const answers of [[address], [PUBLIC_V4, address], [address, PUBLIC_V4], [PUBLIC_V6, PUBLIC_V4, address], [address, PUBLIC_V6]]) {
      await expectRefused(createGuardedClient({ resolver: asAnswers(...answers) }), `http://name.test:${canary.port}/`);
    }
  });

  test("as the target of a redirect, as a literal and as a name", async () => {
    const openSocket = (): ReturnType<typeof connect> => connect(internet.port, "127.0.0.1");
    const resolver: Resolver = (name) => Promise.resolve([{ address: name === "public.test" ? PUBLIC_V4 : address }]);
    for (const host of [inBrackets(address), "inner.test"]) {
      redirectTo = `http://${host}:${canary.port}/`;
      const before = internet.requests.length;
      await expectRefused(createGuardedClient({ resolver, openSocket }), "http://public.test/");
      expect(internet.requests.length).toBe(before + 1);
    }
    redirectTo = "";
  });

  test("as the second answer of a rebinding name: one call asks once and stays with the public answer, the next one is refused", async () => {
    let calls = 0;
    const resolver: Resolver = () => Promise.resolve([{ address: (calls += 1) === 1 ? PUBLIC_V4 : address }]);
    dialled.length = 0;
    const openSocket = (target: VettedTarget): ReturnType<typeof connect> => {
      dialled.push(target);
      return connect(internet.port, "127.0.0.1");
    };
    const client = createGuardedClient({ resolver, openSocket });
    expect(await refusalOf(client, "http://rebind.test/")).toBe("answered 200");
    expect(dialled).toEqual([{ host: "rebind.test", port: 80, addresses: [{ address: PUBLIC_V4, family: 4 }] }]);
    expect(calls).toBe(1);
    await expectRefused(client, `http://rebind.test:${canary.port}/`);
    expect(dialled).toHaveLength(1);
  });
});

test.each(ODD_HOSTS)("the host written as %s", (host) => expectRefused(createGuardedClient(), `http://${host}:${canary.port}/`));

test.each(["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:6379/_x", "data:text/plain,x", "javascript:1", "unix:/var/run/docker.sock", "http://user:pw@example.com/", "http://user@example.com/"])(
  "the URL %s",
  (url) => expectRefused(createGuardedClient({ resolver: asAnswers(PUBLIC_V4) }), url),
);

test.each([22, 25, 53, 110, 143, 6379, 5432, 2375, 8288])("port %i of a public host", async (port) => {
  const openSocket = (): never => {
    throw new Error("dialled");
  };
  await expectRefused(createGuardedClient({ resolver: asAnswers(PUBLIC_V4), openSocket }), `http://public.test:${port}/`);
});

test("port 0 and an answer that is no address", async () => {
  await expectRefused(createGuardedClient({ resolver: asAnswers(PUBLIC_V4) }), "http://public.test:0/");
  await expectRefused(createGuardedClient({ resolver: asAnswers("localhost") }), "http://public.test/");
});

test("the vectors have teeth: without the rules the canary is reached by literal, odd form and name", async () => {
  const reached = ["127.0.0.1", "127.1", "2130706433", "localhost"];
  const client = createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${canary.port}`, `localhost:${canary.port}`] });
  for (const host of reached) {
    const before = canary.connections();
    expect(await refusalOf(client, `http://${host}:${canary.port}/`)).toBe("answered 200");
    expect(canary.connections()).toBe(before + 1);
  }
});

describe("the operator's list", () => {
  test("opens its literal and nothing beside it: no other port, no other address, no name for it", async () => {
    const client = createGuardedClient({ allowedPrivateHosts: [`127.0.0.1:${canary.port}`], resolver: asAnswers("127.0.0.1") });
    expect(await refusalOf(client, `http://127.0.0.1:${canary.port}/`)).toBe("answered 200");
    await expectRefused(client, `http://127.0.0.1:${internet.port}/`);
    await expectRefused(client, `http://127.0.0.2:${canary.port}/`);
    await expectRefused(client, `http://[::1]:${canary.port}/`);
    await expectRefused(client, `http://[::ffff:127.0.0.1]:${canary.port}/`);
    await expectRefused(client, `http://name.test:${canary.port}/`);
  });

  test("opens a name where the operator wrote a name, also on a port that is closed otherwise", async () => {
    const asked: string[] = [];
    const resolver: Resolver = (name) => {
      asked.push(name);
      return Promise.resolve([{ address: "127.0.0.1" }]);
    };
    const client = createGuardedClient({ allowedPrivateHosts: ["minio.internal:22"], resolver, openSocket: () => connect(canary.port, "127.0.0.1") });
    expect(await refusalOf(client, "http://MinIO.internal:22/")).toBe("answered 200");
    expect(asked).toEqual(["minio.internal"]);
    await expectRefused(client, "http://minio.internal:80/");
  });
});

test("connects to the vetted answers without asking DNS again, and tries the next one when the first is dead", async () => {
  for (const answers of [["127.0.0.1"], ["::1", "127.0.0.1"]]) {
    const client = createGuardedClient({ allowedPrivateHosts: [`pinned.invalid:${internet.port}`], resolver: asAnswers(...answers) });
    expect(await refusalOf(client, `http://pinned.invalid:${internet.port}/`)).toBe("answered 200");
    expect(internet.requests.at(-1)?.headers.host).toBe(`pinned.invalid:${internet.port}`);
  }
});

test("no message tells which address a name resolved to", async () => {
  const client = createGuardedClient({ resolver: asAnswers("10.20.30.40") });
  await expect(client.send({ method: "GET", url: "http://inner.test/", timeoutMs: 1_000, maxResponseBytes: 10 })).rejects.toThrow(/^inner\.test is not at a public address\.$/);
});
