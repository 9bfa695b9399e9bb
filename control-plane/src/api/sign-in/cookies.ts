/** The value of a cookie in a `Cookie` header (RFC 6265, section 4.2). @returns undefined when it is not there, or there twice: two are somebody's attempt to plant one */
export function readCookie(header: string | undefined, name: string): string | undefined {
  const values = (header ?? "").split(";").flatMap((pair) => {
    const [key = "", ...value] = pair.trim().split("=");
    return key === name ? [value.join("=")] : [];
  });
  return values.length === 1 ? values[0] : undefined;
}

/** Cookies of this installation: below https with the prefix that ties them to this host and path and to TLS; over http, in development, without. */
export interface CookieJar {
  readonly sessionName: string;
  readonly signInName: string;
  /** A `Set-Cookie` header. @param maxAgeSeconds 0 removes it */
  set(name: string, value: string, maxAgeSeconds: number): string;
}

/** @param pageUrl where people reach this API */
export function createCookieJar(pageUrl: string): CookieJar {
  const isSecure = pageUrl.startsWith("https://");
  const prefix = isSecure ? "__Host-" : "";
  return {
    sessionName: `${prefix}fluxo_session`,
    signInName: `${prefix}fluxo_sign_in`,
    // Lax: the identity provider's redirect must bring the cookie of the sign-in along.
    set: (name, value, maxAgeSeconds) => `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAgeSeconds}${isSecure ? "; Secure" : ""}`,
  };
}
