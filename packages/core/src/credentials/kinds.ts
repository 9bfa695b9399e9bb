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

/** A rule between the fields of a kind; the fault is reported at `field`. */
const needs = (field: string, message: string): { readonly path: string[]; readonly message: string } => ({ path: [field], message });

/** Headers that the HTTP client hands on to other origins, or sets itself. */
const SHARED_HEADERS: ReadonlySet<string> = new Set(["accept", "accept-encoding", "accept-language", "content-type", "content-length", "host", "user-agent"]);

const mailServer = {
  host: host.describe("The server."),
  port: port.describe("Its port."),
  security: z.enum(["tls", "starttls", "none"]).default("tls").describe("`tls` from the first byte, `starttls` (mandatory upgrade), or `none`."),
  username: z.string().min(1).max(320).optional().describe("The user name; absent for a server without a login."),
  password: secret("The password.").optional(),
  ca: z.string().max(65_536).optional().describe("Certificate authorities instead of the built-in ones, PEM."),
};

/**
 * Every kind of credential with its fields. A field whose schema has `writeOnly` is a secret: it is sealed, never shown again, and redacted
 * wherever it turns up. Everything else is shown.
 */
export const CREDENTIAL_KINDS = {
  apiKey: z
    .strictObject({
      hosts,
      in: z.enum(["header", "query"]).default("header").describe("Where the key goes."),
      name: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "must be a name that a header can have").describe("Name of the header or query parameter."),
      value: secret("The key."),
    })
    .refine((fields) => fields.in === "query" || !SHARED_HEADERS.has(fields.name.toLowerCase()), needs("name", "must be another one: this header follows redirects to other hosts")),
  basic: z.strictObject({ hosts, username: z.string().regex(/^[^:]{1,320}$/, "must not hold a colon").describe("The user name."), password: secret("The password.") }),
  bearer: z.strictObject({ hosts, token: secret("The token.") }),
  oauth2: z
    .strictObject({
      hosts,
      grant: z.enum(["clientCredentials", "refreshToken"]).describe("How access tokens are had."),
      tokenUrl: z.url({ protocol: /^https?$/ }).max(2_048).describe("The provider's token endpoint. It gets the client's secret, whatever `hosts` says."),
      clientId: z.string().min(1).max(512).describe("The client's id at the provider."),
      clientSecret: secret("The client's secret.").optional(),
      clientAuthentication: z.enum(["basic", "body"]).default("basic").describe("Whether the client's secret goes into the Authorization header or into the form."),
      scopes: z.array(z.string().regex(/^[\x21\x23-\x5B\x5D-\x7E]{1,256}$/, "must hold visible ASCII characters but quotes and backslashes")).max(50).default([]).describe("The scopes to be asked for."),
      refreshToken: secret("The refresh token; replaced when the provider rotates it.").optional(),
    })
    .refine((fields) => fields.grant !== "refreshToken" || fields.refreshToken !== undefined, needs("refreshToken", "is needed for this grant"))
    .refine((fields) => fields.grant !== "clientCredentials" || fields.clientSecret !== undefined, needs("clientSecret", "is needed for this grant")),
  smtp: z.strictObject(mailServer).refine((fields) => fields.username === undefined || fields.password !== undefined, needs("password", "is needed with a user name")),
  imap: z
    .strictObject(mailServer)
    .refine((fields) => fields.username !== undefined, needs("username", "is needed"))
    .refine((fields) => fields.password !== undefined, needs("password", "is needed")),
  database: z.strictObject({
    host: host.describe("The server."),
    port: port.default(5432).describe("Its port."),
    database: z.string().min(1).max(128).describe("The database."),
    username: z.string().min(1).max(128).describe("The role."),
    password: secret("The password.").optional(),
    tls: z.enum(["verify", "disable"]).default("verify").describe("`verify` checks the server's certificate; `disable` speaks in the clear."),
    ca: z.string().max(65_536).optional().describe("Certificate authorities instead of the built-in ones, PEM."),
  }),
  s3: z.strictObject({
    endpoint: z.url({ protocol: /^https?$/ }).describe("The endpoint's URL."),
    region: z.string().min(1).max(64).default("us-east-1").describe("The region that requests are signed for."),
    forcePathStyle: z.boolean().default(true).describe("Whether the bucket stands in the path instead of the host name."),
    accessKeyId: z.string().min(1).max(256).describe("The access key's id."),
    secretAccessKey: secret("The secret access key."),
  }),
  ai: z.strictObject({
    provider: z.enum(["openai-compatible", "anthropic"]).describe("Which API it speaks."),
    baseUrl: z.url({ protocol: /^https?$/ }).describe("The API's base URL, such as `https://api.openai.com/v1`."),
    apiKey: secret("The API key."),
  }),
} as const satisfies Record<string, z.ZodObject>;

export type CredentialKind = keyof typeof CREDENTIAL_KINDS;

/** The fields of a kind, secrets included. */
export type CredentialFields = { readonly [K in CredentialKind]: Readonly<z.output<(typeof CREDENTIAL_KINDS)[K]>> };

/** The kinds, in the order of their schemas. */
export const CREDENTIAL_KIND_NAMES = Object.keys(CREDENTIAL_KINDS).filter(isCredentialKind);

export function isCredentialKind(name: string): name is CredentialKind {
  return Object.hasOwn(CREDENTIAL_KINDS, name);
}

/** The names of a kind's secret fields. */
export function secretFieldsOf(kind: CredentialKind): readonly string[] {
  return Object.entries(CREDENTIAL_KINDS[kind].shape).flatMap(([name, schema]) => (isSecretField(schema) ? [name] : []));
}

/** Wrappers (`optional`, `default`) hide the metadata of what they wrap. */
function isSecretField(schema: z.ZodType): boolean {
  for (let inner: unknown = schema; inner instanceof z.ZodType; inner = inner instanceof z.ZodOptional || inner instanceof z.ZodDefault ? inner.unwrap() : undefined) {
    if (inner.meta()?.["writeOnly"] === true) return true;
  }
  return false;
}
