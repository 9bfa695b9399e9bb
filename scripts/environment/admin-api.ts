import { Problem } from "./problem.ts";

interface ApiAnswer<T> {
  readonly status: number;
  readonly body: T;
}

interface ApiRequest {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The admin API with one key. */
export interface AdminApi {
  /** Any answer, whatever its status. */
  ask<T>(request: ApiRequest): Promise<ApiAnswer<T>>;
  /** The body of a 2xx answer; anything else is a Problem that shows the answer. */
  call<T>(request: ApiRequest): Promise<T>;
}

const TIMEOUT_MS = 30_000;

/** A client of the admin API. An agency key names the tenant with `tenantId`. The shapes of answers are the caller's promise. */
export function createAdminApi(apiUrl: string, key: string, tenantId?: string): AdminApi {
  const ask = async <T>(request: ApiRequest): Promise<ApiAnswer<T>> => {
    const response = await fetch(`${apiUrl}${request.path}`, {
      method: request.method ?? "GET",
      headers: {
        authorization: `Bearer ${key}`,
        ...(tenantId === undefined ? {} : { "fluxo-tenant": tenantId }),
        ...(request.body === undefined ? {} : { "content-type": "application/json" }),
        ...request.headers,
      },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: parseBody(text) as T };
  };
  return {
    ask,
    async call<T>(request: ApiRequest): Promise<T> {
      const answer = await ask<T>(request);
      if (answer.status >= 200 && answer.status < 300) return answer.body;
      throw new Problem({
        what: `The admin API refused ${request.method ?? "GET"} ${request.path}.`,
        why: `${answer.status} ${JSON.stringify(answer.body)}`,
        todo: "read .fluxo/logs/api.log.",
      });
    },
  };
}

function parseBody(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
