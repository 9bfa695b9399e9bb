import { ROUTES } from "@fluxo/contracts/http/routes";
import { openBrowser, openPage } from "@fluxo/test/support/chromium";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHarness, type Harness } from "../testing/harness.ts";

let api: Harness;
let browser: Browser;

beforeAll(async () => {
  [api, browser] = await Promise.all([startHarness(), openBrowser()]);
});
afterAll(async () => {
  await browser.close();
  await api.stop();
});

test("a browser shows every operation, under a policy that lets nothing in from elsewhere", async () => {
  const page = await openPage(browser);
  const asked: string[] = [];
  const faults: string[] = [];
  page.on("request", (request) => void asked.push(request.url()));
  page.on("console", (message) => void (message.type() === "error" ? faults.push(message.text()) : undefined));
  page.on("pageerror", (error) => void faults.push(String(error)));
  await page.goto(`${api.url}/docs`, { waitUntil: "networkidle0" });
  await page.waitForSelector(".opblock-tag");
  expect(await page.title()).toBe("Fluxo admin API");
  // A group is drawn when it comes into view, so the page is scrolled to its end as it grows.
  const shown = new Set<string>();
  const look = async (): Promise<string[]> => {
    for (const id of await page.$$eval(".opblock", (blocks) => blocks.map((block) => block.id.replace(/^operations-.*-/, "")))) shown.add(id);
    await page.evaluate("window.scrollBy(0, 800)");
    return [...shown].toSorted();
  };
  await expect.poll(look, { timeout: 120_000, interval: 50 }).toEqual(Object.keys(ROUTES).toSorted());
  expect(asked.every((url) => url.startsWith(`${api.url}/`) || url.startsWith("data:"))).toBe(true);
  expect(faults).toEqual([]);
  await page.close();
});

test("answers its own files and no others, and says how long they last", async () => {
  const page = await fetch(`${api.url}/docs`);
  expect([page.status, page.headers.get("cache-control"), page.headers.get("content-security-policy")]).toEqual([200, "no-cache", expect.stringContaining("default-src 'none'; script-src 'self';")]);
  expect((await page.text()).match(/<script>/)).toBeNull();
  const script = await fetch(`${api.url}/docs/swagger-ui-bundle.js`);
  expect([script.status, script.headers.get("content-type"), script.headers.get("cache-control")]).toEqual([200, "text/javascript; charset=utf-8", "public, max-age=3600"]);
  await script.arrayBuffer();
  for (const path of ["/docs/", "/docs/package.json", "/docs/../package.json", "/docs/%2e%2e/package.json", "/docs/swagger-ui-bundle.js.map"]) expect((await fetch(`${api.url}${path}`)).status, path).toBe(404);
});
