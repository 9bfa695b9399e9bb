import { canonicalJson } from "../canonical-json.ts";
import { inPlainWords } from "../errors/plain-words.ts";
import type { FieldIssue } from "../errors/request-error.ts";
import type { Json, JsonObject } from "../json.ts";
import { jsonPointer } from "../json-pointer.ts";
import type { CredentialKind } from "./kinds.ts";
import { CREDENTIAL_KINDS, secretFieldsOf } from "./kinds.ts";

/** The fields of a credential, apart: what anybody who reads the credential sees, and what is sealed. */
export interface SplitFields {
  readonly shown: JsonObject;
  readonly secrets: Readonly<Record<string, string>>;
}

/** What a kind's schema makes of fields, defaults filled in; or what is wrong with them. `path` begins at the fields; messages never hold a value. */
export function parseFields(kind: CredentialKind, fields: unknown): { readonly ok: true; readonly fields: JsonObject } | { readonly ok: false; readonly issues: readonly FieldIssue[] } {
  const parsed = CREDENTIAL_KINDS[kind].safeParse(fields, { error: inPlainWords });
  if (parsed.success) return { ok: true, fields: withoutUndefined(parsed.data) };
  const issues = parsed.error.issues.flatMap((issue): FieldIssue[] => {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => ({ path: jsonPointer([...issue.path, key]), code: issue.code, message: "is not known here" }));
    return [{ path: jsonPointer(issue.path), code: issue.code, message: issue.message }];
  });
  return { ok: false, issues };
}

/** Takes the secret fields of a kind apart from the others. */
export function splitFields(kind: CredentialKind, fields: JsonObject): SplitFields {
  const names = new Set(secretFieldsOf(kind));
  const entries = Object.entries(fields);
  return {
    shown: Object.fromEntries(entries.filter(([name]) => !names.has(name))),
    secrets: Object.fromEntries(entries.flatMap(([name, value]) => (names.has(name) && typeof value === "string" ? [[name, value]] : []))),
  };
}

/** The fields after a change: absent ones stay, null removes. */
export function mergeFields(fields: JsonObject, change: Readonly<Record<string, Json>>): JsonObject {
  return Object.fromEntries(Object.entries({ ...fields, ...change }).filter(([, value]) => value !== null));
}

/** The fields that say where a secret goes, and how well it is kept on the way. */
const DESTINATIONS = ["tokenUrl", "host", "port", "security", "tls", "ca", "endpoint", "forcePathStyle", "baseUrl", "in"] as const;

/**
 * Whether a change would send the secret elsewhere. Then it must be entered again: who may write credentials but cannot read them could otherwise point one
 * at a server of their own. Fewer hosts are no such change.
 */
export function movesSecret(before: JsonObject, after: JsonObject): boolean {
  const known = new Set(hostsOf(before));
  return hostsOf(after).some((host) => !known.has(host)) || DESTINATIONS.some((name) => before[name] !== after[name]);
}

function hostsOf({ hosts }: JsonObject): readonly Json[] {
  return Array.isArray(hosts) ? hosts : [];
}

/** Whether access tokens that were had with the fields before still count: everything but the bound hosts has a part in them. */
export function isSameGrant(before: JsonObject, after: JsonObject): boolean {
  return canonicalJson({ ...before, hosts: null }) === canonicalJson({ ...after, hosts: null });
}

function withoutUndefined(fields: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as JsonObject;
}
