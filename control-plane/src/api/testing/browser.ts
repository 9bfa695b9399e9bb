import { createClient, type Client } from "./client.ts";

/** An answer without its redirect being followed. */
interface Page {
  readonly status: number;
  readonly url: string;
  readonly headers: Headers;
  readonly text: string;
}

/** A browser as far as signing in needs one: cookies per origin, redirects, forms. */
export class Browser {
  /** origin → name → value */
  readonly cookies = new Map<string, Map<string, string>>();

  /** One request, with the cookies of its origin; what it sets is kept. */
  async ask(url: string, options: { readonly method?: string; readonly form?: Readonly<Record<string, string>>; readonly headers?: Readonly<Record<string, string>> } = {}): Promise<Page> {
    const { method = "GET", form, headers = {} } = options;
    const { origin } = new URL(url);
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers: { cookie: this.cookieHeader(origin), ...headers },
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) this.#keep(origin, line);
    return { status: response.status, url, headers: response.headers, text: await response.text() };
  }

  /** Follows redirects until a page, or until the next address begins with `stopAt`, which is then not asked. @returns the page, or the address */
  async follow(url: string, stopAt?: string): Promise<Page | string> {
    let page = await this.ask(url);
    for (let hops = 0; hops < 10; hops += 1) {
      const location = page.headers.get("location");
      if (page.status < 300 || page.status >= 400 || location === null) return page;
      const next = new URL(location, page.url).href;
      if (stopAt !== undefined && next.startsWith(stopAt)) return next;
      page = await this.ask(next);
    }
    throw new Error("Too many redirects.");
  }

  /** Signs in at the provider with a login, up to its answer. @returns the address of the callback, not asked yet */
  async signInAtProvider(apiUrl: string, login: string, query = ""): Promise<string> {
    const callback = `${apiUrl}/auth/callback`;
    const page = await this.follow(`${apiUrl}/auth/login${query}`, callback);
    // The provider may know the browser already.
    if (typeof page === "string") return page;
    const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`There is no form on ${page.url}: ${page.status} ${page.text.slice(0, 500)}`);
    const sent = await this.ask(new URL(action, page.url).href, { method: "POST", form: { prompt: "login", login, password: "x" } });
    const answered = await this.follow(new URL(sent.headers.get("location") ?? "", sent.url).href, callback);
    if (typeof answered !== "string") throw new Error(`The provider did not answer: ${answered.status} ${answered.text.slice(0, 500)}`);
    return answered;
  }

  /** Signs in. @returns the answer of the callback */
  async signIn(apiUrl: string, login: string, query = ""): Promise<Page> {
    return this.ask(await this.signInAtProvider(apiUrl, login, query));
  }

  cookieHeader(origin: string): string {
    return [...(this.cookies.get(origin) ?? [])].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** The API as a page of this browser sees it. */
  client(apiUrl: string, headers: Readonly<Record<string, string>> = { origin: apiUrl, "sec-fetch-site": "same-origin", "fluxo-csrf": "1" }): Client {
    return createClient(apiUrl, undefined, { cookie: this.cookieHeader(apiUrl), ...headers });
  }

  #keep(origin: string, line: string): void {
    const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
    const [name = "", ...value] = pair.split("=");
    const own = this.cookies.get(origin) ?? new Map<string, string>();
    const isOver = attributes.some((attribute) => /^max-age=0$/i.test(attribute)) || attributes.some((attribute) => /^expires=Thu, 01 Jan 1970/i.test(attribute));
    if (isOver) own.delete(name);
    else own.set(name, value.join("="));
    this.cookies.set(origin, own);
  }
}
