import { z } from "zod";
import { booleanVariable, intVariable, keyListVariable, keyVariable, listVariable, secretVariable, urlVariable } from "./load.ts";

/** A TCP port to listen on; 0 lets the system choose (tests). */
const portVariable = intVariable({ min: 0, max: 65_535 });

/** `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets. */
const HOST_PORT = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/;

/**
 * The variables that several services share. A service takes the ones it needs:
 * `z.object({ PORT: COMMON_VARIABLES.PORT.default(3000), REDIS_URL: COMMON_VARIABLES.REDIS_URL })`.
 */
export const COMMON_VARIABLES = {
  HOST: z.string().trim().min(1).default("0.0.0.0").describe("The address to listen on; 0.0.0.0 for all."),
  PORT: portVariable.describe("The TCP port to listen on, for example 3000."),
  LOG_LEVEL: z
    .enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"])
    .default("info")
    .describe("The least severe level that is logged."),
  NODE_ENV: z.enum(["development", "test", "production"]).default("development").describe("Set it to production in an installation."),
  FLUXO_APP_DATABASE_URL: urlVariable(["postgres", "postgresql"]).describe(
    "The connection of the role fluxo_app: postgresql://fluxo_app:<password>@<host>:5432/<database>.",
  ),
  FLUXO_SYSTEM_DATABASE_URL: urlVariable(["postgres", "postgresql"]).describe(
    "The connection of the role fluxo_system: postgresql://fluxo_system:<password>@<host>:5432/<database>.",
  ),
  REDIS_URL: urlVariable(["redis", "rediss"]).describe("The Redis of Fluxo: redis://<host>:6379."),
  FLUXO_REDIS_PREFIX: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9_.{}-]{1,64}$/, "must be 1 to 64 letters, digits or any of _ . - { }")
    .default("fluxo")
    .describe("What the name of every key in Redis starts with; two installations on one Redis need two prefixes."),
  FLUXO_FAST_LANE: booleanVariable()
    .default(true)
    .describe("on: while there is no backlog, executions are handed to the workers at once, beside their Inngest event; off: they wait for the event."),
  INNGEST_BASE_URL: urlVariable(["http", "https"]).describe("The address of the Inngest server: http://<host>:8288."),
  INNGEST_EVENT_KEY: secretVariable({ minLength: 8 })
    .refine((key) => /^[\x21-\x7e]+$/.test(key), "must hold printable characters without blanks")
    .describe("The event key that the Inngest server was started with."),
  INNGEST_SIGNING_KEY: secretVariable({ minLength: 8 })
    .refine((key) => /^(?:signkey-[a-z]+-)?(?:[0-9A-Fa-f]{2})+$/.test(key), "must be an even number of hexadecimal digits")
    .describe("The signing key that the Inngest server was started with; make one with: openssl rand -hex 32."),
  FLUXO_MASTER_KEY: keyVariable({ bytes: 32 }).describe(
    "The key that seals stored secrets; make one with: openssl rand -base64 32. Losing it loses them.",
  ),
  FLUXO_PREVIOUS_MASTER_KEYS: keyListVariable({ bytes: 32 })
    .default([])
    .describe("Master keys of before, separated by commas: they open what they sealed, and seal nothing. See docs/credentials.md for the rotation."),
  FLUXO_MASTER_KEY_FILE: z
    .string()
    .trim()
    .min(1)
    .optional()
    .describe("A file with the root keys of credentials, one per line in base64, the current one first; instead of FLUXO_MASTER_KEY and FLUXO_PREVIOUS_MASTER_KEYS for credentials."),
  FLUXO_PUBLIC_INGRESS_URL: urlVariable(["http", "https"]).describe("The address under which callers reach the webhook ingress."),
  FLUXO_ALLOWED_PRIVATE_HOSTS: listVariable({ pattern: HOST_PORT, shape: "host:port" })
    .default([])
    .describe("Private addresses that workflows may call all the same, for example 127.0.0.1:9001; leave it empty in an installation."),
} as const;
