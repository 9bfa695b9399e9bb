import type { Json } from "@fluxo/core/json";
import { authenticationSchema } from "@fluxo/nodes/trigger-webhook/authentication";
import type { SecretBox } from "@fluxo/runtime/secrets/box";
import type { z } from "zod";

/** Random bytes of a hook token: it alone leads to the trigger. */
export const TOKEN_BYTES = 32;
const SECRET_BYTES = 32;
const STANDARD_PREFIX = "whsec_";

/** How callers of a webhook prove themselves, by the parameters of its node. */
export type AuthenticationMode = z.output<typeof authenticationSchema>["mode"];

const MODES: ReadonlySet<string> = new Set(authenticationSchema.options.flatMap((option) => [...option.shape.mode.values]));

/** The mode in the configuration of a webhook trigger; `none` for other kinds. */
export function authenticationMode(config: Json): AuthenticationMode {
  const authentication = typeof config === "object" && config !== null && !Array.isArray(config) ? config["authentication"] : undefined;
  const mode = typeof authentication === "object" && authentication !== null && !Array.isArray(authentication) ? authentication["mode"] : undefined;
  return typeof mode === "string" && isMode(mode) ? mode : "none";
}

function isMode(mode: string): mode is AuthenticationMode {
  return MODES.has(mode);
}

/** A new secret in the form that the mode has. */
export function makeSecret(mode: Exclude<AuthenticationMode, "none">, randomBytes: (size: number) => Buffer): string {
  const bytes = randomBytes(SECRET_BYTES);
  return mode === "standard" ? `${STANDARD_PREFIX}${bytes.toString("base64")}` : bytes.toString("base64url");
}

/** Whether a secret that a person chose has the form of Standard Webhooks: whsec_ and 24 to 64 bytes in base64. */
export function isStandardSecret(secret: string): boolean {
  if (!secret.startsWith(STANDARD_PREFIX)) return false;
  const encoded = secret.slice(STANDARD_PREFIX.length);
  const bytes = Buffer.from(encoded, "base64");
  return bytes.toString("base64") === encoded && bytes.length >= 24 && bytes.length <= 64;
}

/** Seals a webhook secret for storage; the ingress opens it under the same parts. */
export function sealSecret(box: SecretBox, secret: string, tenantId: string, triggerId: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(box.seal(secret, [tenantId, triggerId]));
}
