import { z } from "zod";

/** A host that a secret may be sent to: a name, or `*.` and a name for all of its subdomains. */
export const boundHostSchema = z
  .string()
  .regex(/^(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$|^\[[0-9a-f:]+\](:\d{1,5})?$/i, "must be a host name, an address, or *. and a name, with an optional port")
  .max(253);

const hosts = z.array(boundHostSchema).min(1).max(20).describe("The hosts that the secret may be sent to, and no other.");
const secret = (description: string): z.ZodString => z.string().min(1).max(16_384).describe(description).meta({ writeOnly: true });
const host = z.string().min(1).max(253);
const port = z.int().min(1).max(65_535);

const mailServer = {
  host: host.describe("The server."),
  port: port.describe("Its port."),
  security: z.enum(["tls", "starttls", "none"]).default("tls").describe("`tls` from the first byte, `starttls` (mandatory upgrade), or `none`."),
  username: z.string().min(1).max(320).optional(),
  password: secret("The password.").optional(),
};

/**
 * Every kind of credential with its fields. A field whose schema has `writeOnly` is a secret: it is sealed, never shown again, and redacted
 * wherever it turns up. Everything else is shown.
 */
export const CREDENTIAL_KINDS = {
  apiKey: z.strictObject({ hosts, in: z.enum(["header", "query"]).default("header"), name: z.string().min(1).max(128).describe("Name of the header or query parameter."), value: secret("The key.") }),
  basic: z.strictObject({ hosts, username: z.string().min(1).max(320), password: secret("The password.") }),
  bearer: z.strictObject({ hosts, token: secret("The token.") }),
  oauth2: z.strictObject({
    hosts,
    grant: z.enum(["clientCredentials", "refreshToken"]).describe("How access tokens are had."),
    tokenUrl: z.url({ protocol: /^https?$/ }),
    clientId: z.string().min(1).max(512),
    clientSecret: secret("The client's secret.").optional(),
    clientAuthentication: z.enum(["basic", "body"]).default("basic"),
    scopes: z.array(z.string().min(1).max(256)).max(50).default([]),
    refreshToken: secret("The refresh token; replaced when the provider rotates it.").optional(),
  }),
  smtp: z.strictObject(mailServer),
  imap: z.strictObject(mailServer),
  database: z.strictObject({
    host,
    port: port.default(5432),
    database: z.string().min(1).max(128),
    username: z.string().min(1).max(128),
    password: secret("The password.").optional(),
    tls: z.enum(["verify", "disable"]).default("verify").describe("`verify` checks the server's certificate; `disable` speaks in the clear."),
    ca: z.string().max(65_536).optional().describe("Certificate authorities instead of the built-in ones, PEM."),
  }),
  s3: z.strictObject({
    endpoint: z.url({ protocol: /^https?$/ }).describe("The endpoint's URL."),
    region: z.string().min(1).max(64).default("us-east-1"),
    forcePathStyle: z.boolean().default(true),
    accessKeyId: z.string().min(1).max(256),
    secretAccessKey: secret("The secret access key."),
  }),
  ai: z.strictObject({
    provider: z.enum(["openai-compatible", "anthropic"]),
    baseUrl: z.url({ protocol: /^https?$/ }).describe("The API's base URL, such as `https://api.openai.com/v1`."),
    apiKey: secret("The API key."),
  }),
} as const satisfies Record<string, z.ZodObject>;

export type CredentialKind = keyof typeof CREDENTIAL_KINDS;

/** The fields of a kind, secrets included. */
export type CredentialFields = { readonly [K in CredentialKind]: Readonly<z.output<(typeof CREDENTIAL_KINDS)[K]>> };
