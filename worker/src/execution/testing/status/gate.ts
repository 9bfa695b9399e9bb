import type { HttpPort, HttpRequest, HttpResponse } from "@fluxo/core/ports/http";

/** A request of an execution that waits for its answer. */
export interface HeldRequest {
  readonly answer: (response: Omit<HttpResponse, "url">) => void;
}

/** A provider behind one worker that answers only when told. The path of a request is the id of its execution. */
export class Gate implements HttpPort {
  readonly #arrivals = new Map<string, (held: HeldRequest) => void>();

  /** Resolves with the next request of an execution. */
  arrival(executionId: string): Promise<HeldRequest> {
    return new Promise((resolve) => {
      this.#arrivals.set(executionId, resolve);
    });
  }

  send(request: HttpRequest): Promise<HttpResponse> {
    const executionId = new URL(request.url).pathname.slice(1);
    return new Promise((resolve, reject) => {
      request.signal?.addEventListener("abort", () => reject(request.signal?.reason as Error), { once: true });
      this.#arrivals.get(executionId)?.({ answer: (response) => resolve({ ...response, url: request.url }) });
      this.#arrivals.delete(executionId);
    });
  }
}
