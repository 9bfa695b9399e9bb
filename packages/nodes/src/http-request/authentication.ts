import { NodeError } from "@fluxo/core/errors/node-error";
import type { NodeContext } from "@fluxo/core/node/executor";
import type { OpenCredential } from "@fluxo/core/ports/credentials";
import type { HttpRequestParams } from "./params.ts";

/** The kinds of credentials that authenticate a request. */
export const CREDENTIAL_KINDS = ["apiKey", "basic", "bearer", "oauth2"] as const;

type Credential = Extract<OpenCredential, { readonly kind: (typeof CREDENTIAL_KINDS)[number] }>;

interface NamedValue {
  readonly name: string;
  readonly value: string;
}

/** Where the secret goes: into a header or the query. */
export interface Authentication {
  readonly header?: NamedValue;
  readonly query?: NamedValue;
}

/**
 * Opens the credential for the URL's host and no other.
 * @throws NodeError what the port throws; PARAMS_INVALID when a header of the caller is in its place
 */
export async function authenticate({ url, credential, headers }: HttpRequestParams, { credentials }: NodeContext): Promise<Authentication> {
  if (credential === undefined) {
    return {};
  }
  const authentication = authenticationOf(await credentials.open(credential, CREDENTIAL_KINDS, new URL(url).host));
  const taken = Object.keys(headers).find((name) => name.toLowerCase() === authentication.header?.name.toLowerCase());
  if (taken !== undefined) {
    throw new NodeError(`The parameters of http.request do not fit: /headers/${taken} must be absent, because the credential sets it.`, { errorClass: "DATA", code: "PARAMS_INVALID" });
  }
  return authentication;
}

function authenticationOf(credential: Credential): Authentication {
  switch (credential.kind) {
    case "apiKey": {
      const { in: place, name, value } = credential.fields;
      return place === "header" ? { header: { name, value } } : { query: { name, value } };
    }
    case "basic": {
      const { username, password } = credential.fields;
      return authorization(`Basic ${Buffer.from(`${username}:${password}`, "utf8").toString("base64")}`);
    }
    case "bearer":
      return authorization(`Bearer ${credential.fields.token}`);
    case "oauth2":
      return authorization(`Bearer ${credential.accessToken}`);
    default:
      return credential satisfies never;
  }
}

function authorization(value: string): Authentication {
  return { header: { name: "Authorization", value } };
}
