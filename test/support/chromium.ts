import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { launch, type Browser, type BrowserContext, type Page } from "puppeteer-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-gpu"];

/** For starts, and for pages to load, on a busy machine. */
const PATIENCE_MS = 180_000;

/** Opens a browser without a window; installs Debian's Chromium if it has to and may. @throws Error that says what to do */
export function openBrowser(): Promise<Browser> {
  const isRoot = process.getuid?.() === 0;
  return launch({ executablePath: findChromium(isRoot), headless: true, timeout: PATIENCE_MS, args: [...QUIET, ...(isRoot ? ["--no-sandbox"] : [])] });
}

/** A new page, which waits for as long as a busy machine needs. */
export async function openPage(at: Browser | BrowserContext): Promise<Page> {
  const page = await at.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

function findChromium(isRoot: boolean): string {
  const found = lookForChromium();
  if (found !== undefined) return found;
  const advice = "Install Chromium (on Debian: apt-get install chromium), or put `chromium` on the PATH.";
  if (!isRoot || !existsSync("/etc/debian_version")) throw new Error(`These tests need Chromium, which is not here. ${advice}`);
  console.error("Chromium is not here: installing chromium with apt-get …");
  const run = (words: readonly string[]): boolean => spawnSync("apt-get", [...words], { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } }).status === 0;
  const install = ["-o", "DPkg::Lock::Timeout=180", "install", "-y", "--no-install-recommends", "chromium"];
  if (!run(install)) {
    run(["update"]);
    run(install);
  }
  const installed = lookForChromium();
  if (installed === undefined) throw new Error(`apt-get could not install chromium. ${advice}`);
  return installed;
}

function lookForChromium(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin"];
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find((path) => existsSync(path));
}
