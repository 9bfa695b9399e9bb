import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { actorSchema, type Actor } from "@fluxo/contracts/http/access";
import { RequestError } from "@fluxo/core/errors/request-error";
import type { Clock } from "@fluxo/core/ports/clock";
import { z } from "zod";

/** How long connections can be opened with a token. Milliseconds. */
export const EVENT_TOKEN_MS = 600_000;

/** What a token lets its holder do: watch one execution. */
export interface EventTokenGrant {
  readonly agencyId: string;
  readonly tenantId: string;
  readonly executionId: string;
  /** Who asked for it. */
  readonly actor: Actor;
}

const payloadSchema = z.strictObject({ v: z.literal(2), agencyId: z.uuid(), tenantId: z.uuid(), executionId: z.uuid(), actor: actorSchema, expiresAtMs: z.int() });
const FORM = /^flv_([A-Za-z0-9_-]{1,800})\.([A-Za-z0-9_-]{43})$/;

/** Makes and reads event tokens: `flv_<payload>.<HMAC-SHA256 of it>`, both in base64url. Every process with the same master key reads them; nothing is stored. */
export class EventTokens {
  readonly #keys: readonly Buffer[];
  readonly #clock: Clock;

  /** @param masterKeys the current one first; all of them read */
  constructor(masterKeys: readonly [Buffer, ...Buffer[]], clock: Clock) {
    this.#keys = masterKeys.map((key) => Buffer.from(hkdfSync("sha256", key, "", "fluxo event token", 32)));
    this.#clock = clock;
  }

  mint(grant: EventTokenGrant): { readonly token: string; readonly expiresAt: Date } {
    const expiresAt = new Date(this.#clock.now().getTime() + EVENT_TOKEN_MS);
    const payload = Buffer.from(JSON.stringify({ v: 2, ...grant, expiresAtMs: expiresAt.getTime() } satisfies z.input<typeof payloadSchema>)).toString("base64url");
    const [key = Buffer.alloc(0)] = this.#keys;
    return { token: `flv_${payload}.${signatureOf(payload, key).toString("base64url")}`, expiresAt };
  }

  /** What a token grants. Malformed, forged and expired ones have the same answer. @throws RequestError UNAUTHENTICATED */
  read(token: string): EventTokenGrant {
    const [, payload = "", signature = ""] = FORM.exec(token) ?? [];
    const given = Buffer.from(signature, "base64url");
    const isAuthentic = this.#keys.some((key) => {
      const right = signatureOf(payload, key);
      return given.length === right.length && timingSafeEqual(given, right);
    });
    if (!isAuthentic) throw new RequestError("UNAUTHENTICATED");
    const parsed = payloadSchema.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString("utf8")));
    if (!parsed.success || parsed.data.expiresAtMs <= this.#clock.now().getTime()) throw new RequestError("UNAUTHENTICATED");
    const { agencyId, tenantId, executionId, actor } = parsed.data;
    return { agencyId, tenantId, executionId, actor };
  }
}

function signatureOf(payload: string, key: Buffer): Buffer {
  return createHmac("sha256", key).update(payload, "utf8").digest();
}
