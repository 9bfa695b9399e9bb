import { openBrowser, openPage } from "@fluxo/test/support/chromium";
import type { Browser as Chromium, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Browser } from "../testing/browser.ts";
import { createClient } from "../testing/client.ts";
import { startHarness, type Harness, type TestAgency } from "../testing/harness.ts";
import { startIdentityProvider, type RunningProvider } from "../testing/identity-provider.ts";

const NAVIGATION = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const AS_PERSON = { headers: { accept: NAVIGATION } };

let provider: RunningProvider;
let api: Harness;
let agency: TestAgency;
let chromium: Chromium;

beforeAll(async () => {
  [provider, chromium] = await Promise.all([startIdentityProvider(), openBrowser()]);
  api = await startHarness({ provider });
  provider.redirectUris.add(`${api.url}/auth/callback`);
  agency = await api.createTestAgency("Northwind");
});
afterAll(async () => {
  await chromium.close();
  await api.stop();
  await provider.stop();
});

function person(login: string): string {
  const email = `${login}@northwind.example`;
  provider.people.set(login, { email, email_verified: true, name: login });
  return email;
}

/** The code and the request id that a page tells. */
function toldBy(html: string): Record<string, string> {
  return Object.fromEntries([...html.matchAll(/<dt>([^<]+)<\/dt><dd>([^<]*)<\/dd>/g)].map(([, name = "", value = ""]) => [name, value]));
}

describe("what a refusal is told in", () => {
  test("a browser gets a page with the code and the request id, clients of the API problem details", async () => {
    const url = `${api.url}/auth/callback?code=x`;
    const page = await new Browser().ask(url, AS_PERSON);
    expect([page.status, page.headers.get("content-type"), page.headers.get("cache-control"), page.headers.get("vary")]).toEqual([400, "text/html; charset=utf-8", "no-store", "Accept"]);
    expect(toldBy(page.text)).toEqual({ Details: "This browser has not begun a sign-in, or cookies are off.", Code: "SIGN_IN_FAILED", Request: page.headers.get("x-request-id") });
    for (const accept of ["*/*", "application/json", "application/problem+json", "application/json, text/html", "text/html;q=0", "text/html; q=0.0, */*"]) {
      const answer = await new Browser().ask(url, { headers: { accept } });
      expect([accept, answer.headers.get("content-type"), answer.headers.get("vary")]).toEqual([accept, "application/problem+json; charset=utf-8", "Accept"]);
      expect(JSON.parse(answer.text)).toMatchObject({ code: "SIGN_IN_FAILED", instance: answer.headers.get("x-request-id") });
    }
    // Elsewhere a browser is a client like others.
    expect((await new Browser().ask(`${api.url}/v1/me`, AS_PERSON)).headers.get("content-type")).toContain("application/problem+json");
  });

  test.each([
    ["NOT_A_MEMBER", 403, "You are not a member", async () => person("page-stranger")],
    ["INVITATION_EXPIRED", 403, "Your invitation has expired", async () => {
      const email = person("page-late");
      const invited = await agency.client.post("/v1/agency/members", { email, role: "viewer" });
      await api.owner.query("UPDATE members SET invitation_expires_at = created_at WHERE id = $1", [invited.text("id")]);
      return email;
    }],
  ])("%s is told in words", async (code, status, heading, prepare) => {
    const login = (await prepare()).split("@")[0] ?? "";
    const browser = new Browser();
    const page = await browser.ask(await browser.signInAtProvider(api.url, login), AS_PERSON);
    expect([page.status, toldBy(page.text)["Code"]]).toEqual([status, code]);
    expect(page.text).toContain(`<h1>${heading}</h1>`);
  });

  test("nothing of a request comes into a page as markup", async () => {
    const evil = "<script>alert(1)</script>\"'&";
    const page = await new Browser().ask(`${api.url}/auth/callback?error=${encodeURIComponent(evil)}&state=${encodeURIComponent(evil)}`, AS_PERSON);
    const login = await new Browser().ask(`${api.url}/auth/login?returnTo=${encodeURIComponent(evil)}`, AS_PERSON);
    for (const { text } of [page, login]) expect(text).not.toContain("<script");
    expect(login.status).toBe(400);
  });

  test("without a provider a page says so; one that is away is to be tried again", async () => {
    const gone = await startIdentityProvider();
    await gone.stop();
    const [bare, alone] = [await startHarness(), await startHarness({ provider: gone })];
    expect(toldBy((await new Browser().ask(`${bare.url}/auth/login`, AS_PERSON)).text)["Code"]).toBe("NOT_FOUND");
    const away = await new Browser().ask(`${alone.url}/auth/login`, AS_PERSON);
    expect([away.status, away.headers.get("retry-after"), toldBy(away.text)["Code"]]).toEqual([503, "5", "UNAVAILABLE"]);
    await Promise.all([bare.stop(), alone.stop()]);
  });
});

describe("signing out", () => {
  async function signedIn(login: string): Promise<Browser> {
    const browser = new Browser();
    await agency.client.post("/v1/agency/members", { email: person(login), role: "viewer" });
    expect((await browser.signIn(api.url, login)).status).toBe(302);
    return browser;
  }

  test("a form of this origin signs out without the header and goes to a page; clients of the API get 204; another origin's form nothing", async () => {
    const browser = await signedIn("out-form");
    const me = () => createClient(api.url, undefined, { cookie: browser.cookieHeader(api.url) }).get("/v1/me");
    const send = (headers: Record<string, string>) => browser.ask(`${api.url}/auth/logout`, { method: "POST", headers });
    for (const headers of [{ origin: "https://evil.example", "sec-fetch-site": "cross-site" }, { origin: "https://sub.example", "sec-fetch-site": "same-site" }, { origin: "null" }]) {
      const refused = await send({ ...headers, accept: NAVIGATION });
      expect([refused.status, toldBy(refused.text)["Code"]]).toEqual([403, "CSRF_REFUSED"]);
    }
    expect((await me()).status).toBe(200);
    const out = await send({ origin: api.url, "sec-fetch-site": "same-origin", accept: NAVIGATION });
    expect([out.status, out.headers.get("location")]).toEqual([303, "/auth/signed-out"]);
    const again = await createClient(api.url, undefined, { cookie: "fluxo_session=gone", origin: api.url }).send("POST", "/auth/logout", {});
    expect([again.status, again.at("code")]).toEqual([401, "UNAUTHENTICATED"]);
    const other = await signedIn("out-client");
    expect((await other.client(api.url).post("/auth/logout")).status).toBe(204);
    // Other changes with a session still need it.
    const third = await signedIn("out-other");
    expect((await third.client(api.url, { origin: api.url, "sec-fetch-site": "same-origin" }).post("/v1/me/membership", { memberId: agency.id })).at("code")).toBe("CSRF_REFUSED");
  });

  test("the page with the button is for browsers; another client is told that the path takes POST", async () => {
    expect((await new Browser().ask(`${api.url}/auth/logout`, AS_PERSON)).text).toContain('<form method="post" action="/auth/logout"><button>Sign out</button></form>');
    const refused = await createClient(api.url).get("/auth/logout");
    expect([refused.status, refused.headers.get("allow")]).toEqual([405, "POST"]);
  });
});

describe("in a real browser", () => {
  /** A page that fails the test by anything that its policy refused, or that asks for anything from elsewhere. */
  async function open(): Promise<{ page: Page; faults: string[] }> {
    const context = await chromium.createBrowserContext();
    const page = await openPage(context);
    const faults: string[] = [];
    page.on("console", (message) => {
      // The provider's page is not ours, and the status of a refusal is told on the console as well.
      const isOurs = message.location().url?.startsWith(`${api.url}/`) === true && !/status of 4\d\d/.test(message.text());
      if (message.type() === "error" && isOurs) faults.push(message.text());
    });
    page.on("pageerror", (error) => void faults.push(String(error)));
    return { page, faults };
  }

  async function signIn(page: Page, login: string): Promise<void> {
    await page.goto(`${api.url}/auth/login?returnTo=/auth/logout`);
    await page.type("input[name=login]", login);
    await page.type("input[name=password]", "x");
    await Promise.all([page.waitForNavigation(), page.click("button[type=submit]")]);
  }

  /** What a person perceives: title, language, headings, landmarks, and what can be done. */
  async function look(page: Page) {
    return {
      title: await page.title(),
      lang: await page.$eval("html", (html) => html.getAttribute("lang")),
      headings: await page.$$eval("h1", (all) => all.map(({ textContent }) => textContent)),
      mains: (await page.$$("main")).length,
      scripts: (await page.$$("script")).length,
      actions: await page.$$eval("main a, main button", (all) => all.map(({ textContent }) => textContent)),
      font: await page.$eval("h1", "window.getComputedStyle(document.querySelector('h1')).fontSize"),
    };
  }

  const shape = { lang: "en", mains: 1, scripts: 0, font: "25.6px" };

  test("a stranger is told, a member signs out by the button and can sign in again, with nothing that the policy refuses", async () => {
    person("real-stranger");
    const stranger = await open();
    await signIn(stranger.page, "real-stranger");
    expect(await look(stranger.page)).toEqual({ ...shape, title: "You are not a member – Fluxo", headings: ["You are not a member"], actions: ["Sign in again"] });

    const failed = await open();
    await failed.page.goto(`${api.url}/auth/callback?error=access_denied`);
    expect(await look(failed.page)).toMatchObject({ ...shape, title: "The sign-in failed – Fluxo" });

    await agency.client.post("/v1/agency/members", { email: person("real-member"), role: "viewer" });
    const member = await open();
    await signIn(member.page, "real-member");
    expect(await look(member.page)).toEqual({ ...shape, title: "Sign out of Fluxo – Fluxo", headings: ["Sign out of Fluxo"], actions: ["Sign out"] });
    const cookies = async (): Promise<string[]> => (await member.page.browserContext().cookies()).map(({ name }) => name).filter((name) => name.startsWith("fluxo_session"));
    expect(await cookies()).toEqual(["fluxo_session"]);
    await Promise.all([member.page.waitForNavigation(), member.page.click("button")]);
    expect([new URL(member.page.url()).pathname, await look(member.page)]).toEqual(["/auth/signed-out", { ...shape, title: "You are signed out – Fluxo", headings: ["You are signed out"], actions: ["Sign in again"] }]);
    expect(await cookies()).toEqual([]);
    for (const { faults } of [stranger, failed, member]) expect(faults).toEqual([]);
  });
});
