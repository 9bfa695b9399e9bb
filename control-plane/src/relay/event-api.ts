import { z } from "zod";
import type { ReleasedEvent } from "./messages.ts";

/** Inngest did not take the events, or nobody knows whether it did. Its message and cause never hold the event key. */
export class EventApiError extends Error {
  override readonly name = "EventApiError";
  readonly code = "EVENTS_NOT_TAKEN";
}

export interface EventApi {
  /** Resolves when Inngest has answered that it took all of them. @throws EventApiError */
  send(events: readonly ReleasedEvent[]): Promise<void>;
  /** @throws EventApiError when Inngest does not answer */
  ping(): Promise<void>;
}

export interface EventApiOptions {
  /** Without a trailing slash. */
  readonly baseUrl: string;
  readonly eventKey: string;
  readonly timeoutMs: number;
}

const answerSchema = z.object({ ids: z.array(z.string()) });

/**
 * The event API of Inngest over plain HTTP, not through the SDK's client: that one has no timeout and repeats a failed call up to five times by
 * itself, so that a send could outlive the claim of its entries. Here one call is one attempt of known length; the outbox repeats.
 */
export function createEventApi({ baseUrl, eventKey, timeoutMs }: EventApiOptions): EventApi {
  const eventUrl = `${baseUrl}/e/${encodeURIComponent(eventKey)}`;
  const call = async (url: string, init: RequestInit): Promise<string> => {
    try {
      const response = await fetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
      const text = await response.text();
      if (response.ok) return text;
      throw new EventApiError(`Inngest answered ${response.status}.`);
    } catch (error) {
      if (error instanceof EventApiError) throw error;
      throw new EventApiError(`Inngest did not answer: ${reasonOf(error)}.`);
    }
  };
  return {
    send: async (events) => {
      const text = await call(eventUrl, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(events) });
      const taken = takenBy(text);
      if (taken !== events.length) throw new EventApiError(`Inngest took ${taken} of ${events.length} events.`);
    },
    ping: async () => {
      await call(`${baseUrl}/health`, { method: "GET" });
    },
  };
}

function takenBy(text: string): number {
  try {
    return answerSchema.parse(JSON.parse(text)).ids.filter((id) => id !== "").length;
  } catch {
    throw new EventApiError("Inngest's answer cannot be read.");
  }
}

/** What fetch hides in its cause: a code such as ECONNREFUSED, or the name of the error. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const { cause } = error;
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : error.name;
}
