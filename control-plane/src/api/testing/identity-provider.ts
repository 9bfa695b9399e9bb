import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";
import type { TestProvider } from "./instance.ts";

/** The library's word for a person, which is none of ours. */
const ACCOUNT = "accountId";

/** What the provider says of a person. */
export interface TestPerson {
  readonly email: string;
  readonly email_verified: boolean;
  readonly name: string;
}

export interface RunningProvider extends TestProvider {
  /** Who may sign in there, by login. */
  readonly people: Map<string, TestPerson>;
  /** Where it sends browsers back to; anything else is refused. */
  readonly redirectUris: Set<string>;
  stop(): Promise<void>;
}

/** A real OpenID provider on a port of its own, with its own pages for signing in. */
export async function startIdentityProvider(): Promise<RunningProvider> {
  let handler: RequestListener = (_request, response) => response.end();
  const server = createServer((request, response) => handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const people = new Map<string, TestPerson>();
  const redirectUris = new Set<string>();
  const [clientId, clientSecret] = ["fluxo", randomBytes(24).toString("base64url")];
  const key = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey.export({ format: "jwk" });
  const provider = new Provider(issuer, {
    clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: ["http://127.0.0.1/auth/callback"] }],
    jwks: { keys: [{ ...key, use: "sig", alg: "RS256" }] },
    cookies: { keys: [randomBytes(24).toString("hex")] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    pkce: { required: () => true },
    findAccount: (_context, login) => {
      const person = people.get(login);
      return person === undefined ? undefined : { [ACCOUNT]: login, claims: () => ({ sub: login, ...person }) };
    },
    // Everybody consents, so that signing in is one page.
    loadExistingGrant: async (context) => {
      const { client, session } = context.oidc;
      if (client === undefined || session?.[ACCOUNT] === undefined) return undefined;
      const grant = new context.oidc.provider.Grant({ clientId: client.clientId, [ACCOUNT]: session[ACCOUNT] });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  provider.Client.prototype.redirectUriAllowed = (uri) => redirectUris.has(uri);
  handler = provider.callback();
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { issuer, clientId, clientSecret, people, redirectUris, stop };
}
