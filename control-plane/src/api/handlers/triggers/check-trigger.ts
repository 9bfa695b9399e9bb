import type { HOOK_CHECK_REASONS } from "@fluxo/contracts/http/hook-tests";
import type { Routes } from "@fluxo/contracts/http/routes";
import { NodeError } from "@fluxo/core/errors/node-error";
import type { HttpResponse } from "@fluxo/core/ports/http";
import { systemCodeOf } from "@fluxo/runtime/dial/failures";
import { PROBE_HEADER, sealProbe } from "../../../probe/probe.ts";
import type { Handler } from "../../http/handler.ts";
import { findHookToken } from "./find-hook.ts";
import { hookUrlOf } from "./trigger-answer.ts";

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 65_536;
const NONCE_BYTES = 16;
/** What the resolver answers for a name without an address. */
const DNS_CODES: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN", "EAI_NODATA", "EAI_FAIL"]);
/** OpenSSL's names of what is wrong with a certificate, and Node's own. */
const TLS_CODE = /CERT|^ERR_(?:TLS|SSL)|^EPROTO$|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)/;

interface Check {
  readonly reason: (typeof HOOK_CHECK_REASONS)[number];
  readonly status: number | null;
  readonly message: string;
}

/** POST /v1/triggers/{triggerId}/check */
export const checkTrigger: Handler<Routes["checkTrigger"]> = async ({ access, params }, { tenantDb, box, clock, randomBytes, ingressHttp, publicIngressUrl }) => {
  const { tenantId } = access;
  const token = await tenantDb.withTenant(tenantId, (db) => findHookToken(db, tenantId, params.triggerId));
  const nonce = randomBytes(NONCE_BYTES).toString("base64url");
  const url = hookUrlOf({ hookToken: token }, publicIngressUrl) ?? "";
  const headers = { [PROBE_HEADER]: sealProbe(box, token, nonce, clock.now()) };
  let check: Check;
  try {
    check = judge(await ingressHttp.send({ method: "POST", url, headers, timeoutMs: TIMEOUT_MS, maxResponseBytes: ANSWER_BYTES_MAX, maxRedirects: 0 }), nonce);
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    check = failureOf(error);
  }
  return { status: 200, body: { isReachable: check.reason === "ok", ...check } };
};

function judge({ status, body }: HttpResponse, nonce: string): Check {
  if (status !== 200) return { reason: "status", status, message: `The address answers with ${status}${codeIn(body)}.` };
  if (memberOf(body, "probe") !== nonce) return { reason: "foreign", status, message: "Somebody answers at the address, but not the ingress of this installation." };
  return { reason: "ok", status, message: "The webhook answers." };
}

function failureOf(error: NodeError): Check {
  const { message } = error;
  const code = systemCodeOf(error.cause) ?? "";
  if (error.errorClass === "TIMEOUT") return { reason: "timeout", status: null, message };
  if (error.errorClass === "REFUSED") return { reason: "refused", status: null, message };
  if (error.code === "PROVIDER_REJECTED") return { reason: "redirect", status: null, message };
  if (DNS_CODES.has(code)) return { reason: "dns", status: null, message };
  return { reason: TLS_CODE.test(code) ? "tls" : "connection", status: null, message };
}

/** The stable code of a problem of ours, for the message. */
function codeIn(body: Uint8Array): string {
  const code = memberOf(body, "code");
  return typeof code === "string" && /^[A-Z_]{1,60}$/.test(code) ? ` ${code}` : "";
}

function memberOf(body: Uint8Array, name: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;
  } catch {
    return undefined;
  }
}
