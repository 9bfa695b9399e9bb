import fc from "fast-check";
import { expect, test } from "vitest";
import { createCookieJar, readCookie } from "./cookies.ts";
import { assertSameOrigin } from "./same-origin.ts";

const page = "https://api.example.com";

test("cookies below https are tied to host, path and TLS; over http they are not", () => {
  const secure = createCookieJar(page);
  expect(secure.sessionName).toBe("__Host-fluxo_session");
  expect(secure.set(secure.sessionName, "v", 60)).toBe("__Host-fluxo_session=v; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure");
  const plain = createCookieJar("http://127.0.0.1:4100");
  expect(plain.set(plain.signInName, "", 0)).toBe("fluxo_sign_in=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
});

test("reads one cookie among others, and none of two with the same name", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9_=-]{0,40}$/), fc.array(fc.stringMatching(/^x[a-z]{0,5}=[a-z]{0,5}$/)), (value, others) => {
      expect(readCookie([...others, `sid=${value}`].join("; "), "sid")).toBe(value);
    }),
  );
  expect(readCookie("sid=a; sid=b", "sid")).toBeUndefined();
  expect(readCookie("xsid=a", "sid")).toBeUndefined();
  expect(readCookie(undefined, "sid")).toBeUndefined();
});

test("a change needs the browser's word that it comes from here, and the header; reading needs neither", () => {
  const refused = (method: string, origin?: string, secFetchSite?: string, csrf: string | undefined = "1", isForm = false): boolean => {
    try {
      assertSameOrigin(method, { origin, secFetchSite, csrf }, page, isForm);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: "CSRF_REFUSED" });
      return true;
    }
  };
  for (const method of ["GET", "HEAD"]) expect(refused(method, "https://evil.example", "cross-site", undefined)).toBe(false);
  fc.assert(
    fc.property(fc.constantFrom("POST", "PUT", "PATCH", "DELETE"), fc.constantFrom(undefined, page, "null", "https://api.example.com.evil.example", "http://api.example.com"), fc.constantFrom(undefined, "same-origin", "same-site", "cross-site", "none"), fc.constantFrom("1", "0", ""), (method, origin, site, csrf) => {
      const isFromHere = (site === "same-origin" && (origin === undefined || origin === page)) || (site === undefined && origin === page);
      expect(refused(method, origin, site, csrf)).toBe(!(isFromHere && csrf === "1"));
      // Of a form, the origin is all.
      expect(refused(method, origin, site, csrf, true)).toBe(!isFromHere);
    }),
  );
});
