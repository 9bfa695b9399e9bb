import { problemSchema, type Problem } from "@fluxo/contracts/http/problem";
import type { RouteDefinition } from "@fluxo/contracts/http/route";
import { ROUTES, type OperationId, type Routes } from "@fluxo/contracts/http/routes";
import type { z } from "zod";

/** What goes into a request; nothing is checked on this side, so that tests can send what is wrong. */
export interface RequestParts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

type BodyOf<S> = S extends { readonly body: infer B extends z.ZodType } ? z.output<B> : undefined;

/** What an operation answers when it succeeds, by the contract. */
export type SuccessOf<Id extends OperationId> = BodyOf<Routes[Id]["responses"][keyof Routes[Id]["responses"]]>;

/** The admin API as one key sees it. */
export interface Api {
  readonly key: string;
  /** Any answer. */
  ask(operation: OperationId, parts?: RequestParts): Promise<Answer>;
  /** A success: its status is one that the contract declares, its body fits the schema. @throws Error with the answer otherwise */
  call<Id extends OperationId>(operation: Id, parts?: RequestParts): Promise<{ readonly status: number; readonly headers: Headers; readonly body: SuccessOf<Id> }>;
  /** A refusal: problem details. @throws Error with the answer when it is none */
  refusal(operation: OperationId, parts?: RequestParts): Promise<Problem>;
}

const TIMEOUT_MS = 20_000;

/** A client of the admin API. @param tenantId sent as Fluxo-Tenant, as agency keys must */
export function createApi(apiUrl: string, key: string, tenantId?: string): Api {
  const ask = async (operation: OperationId, parts: RequestParts = {}): Promise<Answer> => {
    const route: RouteDefinition = ROUTES[operation];
    const response = await fetch(addressOf(apiUrl, route, parts), {
      method: route.method.toUpperCase(),
      headers: {
        authorization: `Bearer ${key}`,
        ...(tenantId === undefined ? {} : { "fluxo-tenant": tenantId }),
        ...(parts.body === undefined ? {} : { "content-type": "application/json" }),
        ...parts.headers,
      },
      ...(parts.body === undefined ? {} : { body: JSON.stringify(parts.body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return { status: response.status, headers: response.headers, body: parseBody(await response.text()) };
  };
  return {
    key,
    ask,
    call: async <Id extends OperationId>(operation: Id, parts?: RequestParts) => {
      const { status, headers, body } = await ask(operation, parts);
      const declared = (ROUTES[operation] as RouteDefinition).responses[status];
      if (declared === undefined) throw new Error(`${operation} answered ${status} ${JSON.stringify(body)}`);
      return { status, headers, body: declared.body?.parse(body) as SuccessOf<Id> };
    },
    refusal: async (operation, parts) => {
      const { status, headers, body } = await ask(operation, parts);
      const problem = problemSchema.safeParse(body);
      const isProblem = problem.success && problem.data.status === status && headers.get("content-type")?.startsWith("application/problem+json") === true;
      if (!isProblem) throw new Error(`${operation} answered ${status} ${JSON.stringify(body)}, which is no problem`);
      return problem.data;
    },
  };
}

function addressOf(apiUrl: string, route: RouteDefinition, { params = {}, query = {} }: RequestParts): URL {
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined) throw new Error(`${route.operationId} needs the parameter ${name}.`);
    return encodeURIComponent(value);
  });
  const url = new URL(path, apiUrl);
  for (const [name, value] of Object.entries(query)) for (const item of [value].flat()) url.searchParams.append(name, item);
  return url;
}

/** JSON where it is JSON, the text otherwise. */
export function parseBody(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return text;
  }
}
