import { RequestError } from "@fluxo/core/errors/request-error";

/** What tells where a request comes from. Names in lower case. */
export interface OriginHeaders {
  readonly origin: string | undefined;
  readonly secFetchSite: string | undefined;
  readonly csrf: string | undefined;
}

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses changes with a session that another page could have caused: the browser must say that the request comes from this origin, and it must carry a
 * header that no form can send. Requests with an API key need neither, as no browser adds one by itself.
 * @param isForm whether a form of this origin may send it: then the origin is enough
 * @throws RequestError CSRF_REFUSED
 */
export function assertSameOrigin(method: string, { origin, secFetchSite, csrf }: OriginHeaders, pageOrigin: string, isForm: boolean): void {
  if (SAFE_METHODS.has(method)) return;
  const isFromHere = secFetchSite === undefined ? origin === pageOrigin : secFetchSite === "same-origin" && (origin === undefined || origin === pageOrigin);
  if (!isFromHere) throw new RequestError("CSRF_REFUSED", { detail: "The request does not come from a page of this origin." });
  if (!isForm && csrf !== "1") throw new RequestError("CSRF_REFUSED", { detail: "The header Fluxo-Csrf: 1 is missing." });
}
