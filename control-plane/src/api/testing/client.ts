type Headers = Readonly<Record<string, string>>;

/** An answer with the ways in which tests look at it. */
export interface ClientAnswer {
  readonly status: number;
  readonly headers: globalThis.Headers;
  readonly body: unknown;
  /** The value at a path of property names and indexes; undefined where there is none. */
  at(...path: readonly (string | number)[]): unknown;
  /** The same, which must be text. @throws Error otherwise */
  text(...path: readonly (string | number)[]): string;
}

/** The admin API as one key sees it. */
export interface Client {
  send(method: string, path: string, options?: { readonly body?: unknown; readonly raw?: string | Uint8Array<ArrayBuffer>; readonly headers?: Headers }): Promise<ClientAnswer>;
  get(path: string, headers?: Headers): Promise<ClientAnswer>;
  post(path: string, body?: unknown, headers?: Headers): Promise<ClientAnswer>;
  put(path: string, body: unknown, headers?: Headers): Promise<ClientAnswer>;
  patch(path: string, body: unknown, headers?: Headers): Promise<ClientAnswer>;
  delete(path: string, headers?: Headers): Promise<ClientAnswer>;
  /** The same key on behalf of a tenant. */
  forTenant(tenantId: string): Client;
}

/** @param key sent as bearer token; absent for none */
export function createClient(url: string, key?: string, common: Headers = {}): Client {
  const send: Client["send"] = async (method, path, { body, raw, headers = {} } = {}) => {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(payload === undefined ? {} : { "content-type": "application/json" }),
        ...common,
        ...headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    });
    return toAnswer(response.status, response.headers, await response.text());
  };
  return {
    send,
    get: (path, headers = {}) => send("GET", path, { headers }),
    post: (path, body, headers = {}) => send("POST", path, { body, headers }),
    put: (path, body, headers = {}) => send("PUT", path, { body, headers }),
    patch: (path, body, headers = {}) => send("PATCH", path, { body, headers }),
    delete: (path, headers = {}) => send("DELETE", path, { headers }),
    forTenant: (tenantId) => createClient(url, key, { ...common, "fluxo-tenant": tenantId }),
  };
}

function toAnswer(status: number, headers: globalThis.Headers, content: string): ClientAnswer {
  const body: unknown = content === "" ? undefined : JSON.parse(content);
  const at = (...path: readonly (string | number)[]): unknown =>
    path.reduce<unknown>((value, name) => (typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined), body);
  const text = (...path: readonly (string | number)[]): string => {
    const value = at(...path);
    if (typeof value !== "string") throw new Error(`There is no text at ${path.join(".")} of ${status} ${content.slice(0, 500)}`);
    return value;
  };
  return { status, headers, body, at, text };
}
