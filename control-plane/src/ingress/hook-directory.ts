import type { Clock } from "@fluxo/core/ports/clock";
import type { WebhookHook } from "./hook.ts";

export interface HookDirectoryOptions {
  /** Asks the store; undefined for a token that nobody has. */
  readonly resolve: (token: string) => Promise<WebhookHook | undefined>;
  readonly clock: Clock;
  /** For how long an answer is good, also the one that there is no such hook. */
  readonly ttlMs: number;
  readonly entriesMax: number;
}

interface Entry {
  readonly hook: Promise<WebhookHook | undefined>;
  readonly expiresAtMs: number;
  isPending: boolean;
}

/** Tokens are random, at least 128 bits of it: what does not look like one is not asked for. */
const TOKEN_FORM = /^[A-Za-z0-9_-]{16,128}$/;

/**
 * Hooks by token. Answers are kept for a short time, so that a busy hook costs one query per `ttlMs` and process; concurrent requests for one
 * token share one query. A change of a trigger (disabled, other secret) holds after `ttlMs`. Failures are not kept.
 */
export class HookDirectory {
  readonly #options: HookDirectoryOptions;
  readonly #entries = new Map<string, Entry>();

  constructor(options: HookDirectoryOptions) {
    this.#options = options;
  }

  /** @returns undefined when no webhook has the token. @throws what the store throws */
  async find(token: string): Promise<WebhookHook | undefined> {
    if (!TOKEN_FORM.test(token)) return undefined;
    const nowMs = this.#options.clock.now().getTime();
    const known = this.#entries.get(token);
    if (known !== undefined && (known.isPending || nowMs < known.expiresAtMs)) return known.hook;
    const entry: Entry = { hook: this.#options.resolve(token), expiresAtMs: nowMs + this.#options.ttlMs, isPending: true };
    this.#remember(token, entry);
    try {
      return await entry.hook;
    } catch (error) {
      if (this.#entries.get(token) === entry) this.#entries.delete(token);
      throw error;
    } finally {
      entry.isPending = false;
    }
  }

  /** The newest entry stands last, so the first one is the one to give up. */
  #remember(token: string, entry: Entry): void {
    this.#entries.delete(token);
    const oldest = this.#entries.keys().next();
    if (this.#entries.size >= this.#options.entriesMax && oldest.done !== true) this.#entries.delete(oldest.value);
    this.#entries.set(token, entry);
  }
}
